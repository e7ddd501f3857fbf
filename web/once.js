/** Loading parts of the page when they are needed. */

import { Failure } from "./failure.js";

/** Return a function that loads something once, and returns what that gave; a failure is not kept. */
export function once(load) {
  let loaded;
  const fail = () => {
    loaded = undefined;
    throw new Failure(navigator.onLine ? "unreachable" : "offline");
  };
  return () => (loaded ??= load().catch(fail));
}
