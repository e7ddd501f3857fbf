/** What the page shows the API: a key, or the token of whoever is signed in. */

import { Failure } from "./failure.js";

const KEPT_AS = "imagesearch.key";
const FRAGMENT = /^#key=(.+)$/;

/**
 * Return the credentials that an environment asks for: `headers()` are those of a request, null while there
 * are none; `absence` is the code of that; `refused()` forgets what the API does not take.
 */
export async function credentialsFor(config) {
  return config.authorisation === "cognito" ? new SignedIn(config, await import("./sign-in.js")) : new Key();
}

/** A key of the API, kept for as long as the tab; one in the address's fragment is taken out of it. */
class Key {
  kind = "key";
  absence = "key_missing";

  constructor() {
    const given = FRAGMENT.exec(location.hash);
    if (!given) return;
    this.accept(decodeURIComponent(given[1]));
    history.replaceState(history.state, "", location.pathname + location.search);
  }

  async headers() {
    const key = sessionStorage.getItem(KEPT_AS);
    return key ? { "x-api-key": key } : null;
  }

  accept(key) {
    sessionStorage.setItem(KEPT_AS, key.trim());
  }

  refused() {
    sessionStorage.removeItem(KEPT_AS);
  }
}

/** Somebody who signed in, or may. */
class SignedIn {
  kind = "cognito";
  absence = "token_invalid";

  constructor(config, signIn) {
    this.config = config;
    this.module = signIn;
  }

  async headers() {
    const token = await this.module.accessToken(this.config).catch(() => {
      throw new Failure(navigator.onLine ? "unreachable" : "offline");
    });
    return token ? { authorization: `Bearer ${token}` } : null;
  }

  signIn() {
    return this.module.signIn(this.config);
  }

  signOut() {
    return this.module.signOut(this.config);
  }

  refused() {}
}
