/** One search: what was found so far, page by page. */

import { Failure } from "./failure.js";
import { requestOf, saysOnlyUnlike } from "./query.js";

const PAGE = 50;

const ORDERS = {
  newest: (a, b) => b.last_modified.localeCompare(a.last_modified),
  oldest: (a, b) => a.last_modified.localeCompare(b.last_modified),
  name: (a, b) => a.key.localeCompare(b.key),
  largest: (a, b) => b.size - a.size,
};

/** The hits of a query; `more` brings the next page, `stop` ends what is under way. */
export class Session {
  hits = [];
  found = 0;
  facets = {};
  took = null;
  threshold = null;
  ended = false;
  scroll = 0;
  #cursor = null;
  #running = null;
  #ends = new AbortController();

  constructor(api, query, facets) {
    Object.assign(this, { api, query, wanted: facets });
  }

  /** Load the next page, if there is one; throws Failure, or AbortError. */
  more(progress) {
    if (this.ended) return Promise.resolve();
    this.#running ??= this.#load(progress).finally(() => (this.#running = null));
    return this.#running;
  }

  async #load(progress) {
    if (saysOnlyUnlike(this.query)) throw new Failure("only_unlike");
    const isFirst = this.#cursor === null;
    const body = requestOf(this.query, { k: PAGE, facets: this.wanted, cursor: this.#cursor });
    const started = performance.now();
    const answer = await this.api.ask("POST", "search", { body, signal: this.#ends.signal, progress });
    this.#take(answer.hits, performance.now());
    Object.assign(this, { found: answer.found, threshold: answer.threshold ?? null });
    this.#cursor = answer.cursor ?? null;
    this.ended = this.#cursor === null;
    if (!isFirst) return;
    this.facets = answer.facets ?? {};
    this.took = { ...answer.took_ms, round: performance.now() - started };
    performance.mark("imagesearch:answer");
  }

  #take(hits, moment) {
    const known = new Set(this.hits.map((hit) => hit.id));
    this.hits.push(...hits.filter((hit) => !known.has(hit.id)).map((hit) => ({ ...hit, since: moment })));
  }

  /** Return what was found so far in the order that the query asks for. */
  get sorted() {
    const order = ORDERS[this.query.sort];
    return order ? this.hits.toSorted(order) : this.hits;
  }

  /** Forget the page that is being loaded; another call of `more` loads it again. */
  stop() {
    this.#ends.abort();
    this.#ends = new AbortController();
  }
}

/** Return a picture's name: its title, or the last part of its key. */
export const nameOf = (picture) => picture.title ?? picture.key.split("/").at(-1);
