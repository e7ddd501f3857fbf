/** Recent searches: remembered by this browser alone, texts and indexed pictures only. */

import { isEmpty, writeQuery } from "./query.js";

const KEPT_AS = "imagesearch.recent";
const MOST = 8;

/** Return the remembered searches, {address, label}, the latest first. */
export function recentSearches() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS)) ?? [];
    return kept.filter((each) => typeof each?.address === "string" && typeof each.label === "string");
  } catch {
    return [];
  }
}

/** Remember a search; one by a picture of one's own is not, as that is kept for a day only. */
export function remember(query, label) {
  if (isEmpty(query) || query.examples.some((each) => each.kind === "upload")) return;
  const address = writeQuery({ ...query, view: "" });
  const others = recentSearches().filter((each) => each.address !== address);
  localStorage.setItem(KEPT_AS, JSON.stringify([{ address, label }, ...others].slice(0, MOST)));
}

/** Forget them all. */
export const forgetSearches = () => localStorage.removeItem(KEPT_AS);
