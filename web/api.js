/** Asking the API: with credentials, patience, and one kind of failure. */

import { Failure } from "./failure.js";

const PASSING = new Set([429, 503, 504]);
const PATIENCE_MS = 60_000;
const SLOW_MS = 3_000;
const REQUEST_MS = 35_000;
const WAIT_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 20;

/** The API at `base`. What asks to come back later is asked again, as `Retry-After` says, for a minute. */
export class Api {
  constructor(base, credentials) {
    this.base = new URL(`${base.replace(/\/$/, "")}/`, location.href).href;
    this.credentials = credentials;
  }

  /** Return the address of something that the API names relative to itself. */
  address(relative) {
    return new URL(relative, this.base).href;
  }

  /**
   * Return an answer's JSON. Throws Failure, or AbortError. `progress` hears of `slow()` after three seconds
   * and of `waiting(seconds, code)` before each new try.
   */
  async ask(method, path, { body, signal, progress = {} } = {}) {
    const until = performance.now() + PATIENCE_MS;
    const slow = setTimeout(() => progress.slow?.(), SLOW_MS);
    try {
      for (;;) {
        try {
          return await this.#once(method, path, body, signal);
        } catch (failure) {
          const seconds = waitOf(failure);
          if (seconds === null || performance.now() + seconds * 1000 > until) throw failure;
          progress.waiting?.(Math.ceil(seconds), failure.code);
          await pause(seconds * 1000, signal);
        }
      }
    } finally {
      clearTimeout(slow);
    }
  }

  async #once(method, path, body, signal) {
    const credentials = await this.credentials.headers();
    if (!credentials) throw new Failure(this.credentials.absence, { status: 401 });
    const headers = { accept: "application/json", ...credentials };
    if (body !== undefined) headers["content-type"] = "application/json";
    const timeout = AbortSignal.timeout(REQUEST_MS);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const request = { method, headers, body: JSON.stringify(body), signal: either, cache: "no-store" };
      const response = await fetch(this.address(path), request);
      return await read(response);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Failure) throw error;
      throw new Failure(navigator.onLine ? (timeout.aborted ? "timeout" : "unreachable") : "offline");
    }
  }
}

async function read(response) {
  const answer = await response.json().catch((error) => {
    if (error instanceof SyntaxError) return null; // of a server before the API
    throw error;
  });
  if (response.ok && answer) return answer;
  const { code = codeOf(response.status), message = "" } = answer?.error ?? {};
  const retryAfter = Number(response.headers.get("retry-after")) || null;
  throw new Failure(code, { message, status: response.status, requestId: answer?.request_id, retryAfter });
}

/** Return the code of an answer that is not the API's own, such as one of the servers before it. */
function codeOf(status) {
  const codes = { 401: "token_invalid", 403: "access_denied", 413: "request_too_large", 429: "throttled" };
  return { ...codes, 503: "unavailable", 504: "timeout" }[status] ?? "internal";
}

/** Return the seconds until a new try makes sense, a little more by chance; null where none does. */
function waitOf(failure) {
  if (!(failure instanceof Failure) || !PASSING.has(failure.status)) return null;
  return Math.min(failure.retryAfter ?? WAIT_SECONDS, LONGEST_WAIT_SECONDS) * (1 + Math.random() / 4);
}

/** Wait; throws AbortError as soon as nobody waits any more. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
