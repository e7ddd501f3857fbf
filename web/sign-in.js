/**
 * Signing in by authorization code with PKCE (RFC 7636), against the environment's own sign-in.
 *
 * Tokens live as long as the tab. Nothing of a sign-in under way leaves this page but what the sign-in needs.
 */

const TOKENS = "imagesearch.tokens";
const ATTEMPT = "imagesearch.sign-in";
const EARLY_MS = 60_000;

let renewing = null;

/** Leave for the sign-in; it comes back to this page, which then shows what it shows now. */
export async function signIn(config) {
  const { domain, client_id, scopes } = config.sign_in;
  const attempt = { state: random(), verifier: random(), back: location.pathname + location.search };
  sessionStorage.setItem(ATTEMPT, JSON.stringify(attempt));
  const query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri: ownAddress(),
    scope: scopes.join(" "),
    state: attempt.state,
    code_challenge: await challengeOf(attempt.verifier),
    code_challenge_method: "S256",
  });
  location.assign(`${domain}/oauth2/authorize?${query}`);
}

/**
 * Return a token that the API takes, null if nobody is signed in. Takes over what a sign-in brought in the
 * address, and renews what expires. Throws TypeError where the sign-in cannot be reached.
 */
export function accessToken(config) {
  // One at a time: a code can be exchanged once, and parallel requests are to share the new token.
  renewing ??= current(config).finally(() => (renewing = null));
  return renewing;
}

/** Forget the tokens, end the session where it was given, and come back signed out. */
export async function signOut(config) {
  const { domain, client_id } = config.sign_in;
  const tokens = read(TOKENS);
  sessionStorage.removeItem(TOKENS);
  if (tokens?.refresh) {
    const form = new URLSearchParams({ token: tokens.refresh, client_id });
    await fetch(`${domain}/oauth2/revoke`, { method: "POST", body: form }).catch(() => null);
  }
  location.assign(`${domain}/logout?${new URLSearchParams({ client_id, logout_uri: ownAddress() })}`);
}

async function current(config) {
  const brought = await broughtTokens(config);
  const tokens = brought ?? read(TOKENS);
  if (!tokens) return null;
  if (Date.now() < tokens.until) return tokens.access;
  const renewed = await exchange(config, { grant_type: "refresh_token", refresh_token: tokens.refresh });
  return kept(renewed, tokens.refresh);
}

/** Exchange the code in the address, which is taken out of it at once; null where there is none of ours. */
async function broughtTokens(config) {
  const query = new URLSearchParams(location.search);
  const attempt = read(ATTEMPT);
  if (!query.has("state") || !(query.has("code") || query.has("error"))) return null;
  sessionStorage.removeItem(ATTEMPT);
  history.replaceState(history.state, "", attempt?.back ?? location.pathname);
  // Another state is of another attempt, or of somebody who wants us to be them.
  if (query.get("state") !== attempt?.state || !query.has("code")) return null;
  const answer = await exchange(config, {
    grant_type: "authorization_code",
    code: query.get("code"),
    code_verifier: attempt.verifier,
    redirect_uri: ownAddress(),
  });
  return kept(answer) ? read(TOKENS) : null;
}

/** Return what the sign-in answers, null if it refuses. */
async function exchange(config, form) {
  const { domain, client_id } = config.sign_in;
  const body = new URLSearchParams({ ...form, client_id });
  const response = await fetch(`${domain}/oauth2/token`, { method: "POST", body });
  return response.ok ? response.json() : null;
}

/** Keep the tokens of an answer and return the one for the API; without an answer nobody is signed in. */
function kept(answer, refresh = null) {
  if (!answer) {
    sessionStorage.removeItem(TOKENS);
    return null;
  }
  const until = Date.now() + answer.expires_in * 1000 - EARLY_MS;
  const tokens = { access: answer.access_token, refresh: answer.refresh_token ?? refresh, until };
  sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
  return tokens.access;
}

function read(name) {
  return JSON.parse(sessionStorage.getItem(name) ?? "null");
}

function ownAddress() {
  return `${location.origin}/`;
}

function random() {
  return base64Url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challengeOf(verifier) {
  return base64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64Url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
