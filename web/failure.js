/** What can go wrong, and the sentence for it. */

import { has, t } from "./strings.js";

/** Why something could not be done: a code that `strings/` has a sentence for, and what the API said itself. */
export class Failure extends Error {
  constructor(code, { message = "", status = 0, requestId = "", retryAfter = null } = {}) {
    super(message);
    Object.assign(this, { code, status, requestId, retryAfter });
  }

  /** What happened and what to do about it, in the page's language where the code is known. */
  get sentence() {
    const name = `errors.${this.code}`;
    if (has(name)) return t(name, { message: this.message });
    return this.message || t("errors.internal", { message: "" });
  }
}

/** Return what was thrown as a Failure; a fault of the page itself is told as such. */
export function failureOf(error) {
  if (error instanceof Failure) return error;
  console.error(error);
  return new Failure("page", { message: error?.message ?? String(error) });
}

/** Tell whether something ended only because nobody waits for it any more. */
export const isAbort = (error) => error?.name === "AbortError";
