/** What the page tells beside the pictures: how far a search is, what went wrong, and what to do. */

import { byId, make } from "./dom.js";
import { score, t } from "./strings.js";

const DEEPEST = 1000;

/** The status line, the notice with what can be done, what stands below, and the banner without a network. */
export class Notices {
  #status = byId("status");
  #notice = byId("notice");
  #offline = byId("offline");
  #again = null;

  constructor() {
    for (const name of ["online", "offline"]) addEventListener(name, () => this.#showNetwork());
    addEventListener("online", () => this.#again?.());
    this.#showNetwork();
  }

  /** Tell how far things are; read out without taking the focus. */
  say(sentence, { busy = false } = {}) {
    this.#status.textContent = sentence;
    document.body.classList.toggle("busy", busy);
  }

  /** Tell what went wrong, and offer to do it `again`, which happens by itself once there is a network again. */
  warn(failure, again = null, label = t("retry")) {
    this.notify(failure.sentence, again ? { [label]: again } : {});
    this.#again = again;
    if (failure.requestId) {
      this.#notice.append(make("small", { textContent: t("request", { id: failure.requestId }) }));
    }
  }

  /** Tell something that is more than a status; `actions` are {label: what to do}. */
  notify(sentence, actions = {}) {
    this.say("");
    const buttons = Object.entries(actions).map(([label, onclick]) =>
      make("button", { type: "button", textContent: label, onclick: () => onclick() }),
    );
    this.#notice.replaceChildren(make("p", { textContent: sentence }), ...buttons);
    this.#notice.hidden = false;
  }

  /** Take back what was told. */
  clear() {
    this.#again = null;
    this.#notice.hidden = true;
    this.#notice.replaceChildren();
  }

  /** Tell how many pictures a session found, with times where somebody wants to know, and what comes below. */
  found({ hits, found, ended, threshold, took, query }) {
    const said = [t(found >= DEEPEST ? "found.many" : "found", { count: Math.max(found, hits.length) })];
    if (threshold !== null) said.push(t("threshold", { score: score(threshold) }));
    if (took && document.body.classList.contains("detailed")) {
      const [encode, search, total, round] = [took.encode, took.search, took.total, took.round].map(Math.round);
      said.push(t("took", { encode, search, total, round }));
    }
    this.say(hits.length ? said.join(" · ") : "");
    const isSorted = query.sort !== "relevance";
    const end = ended ? (hits.length >= DEEPEST ? "end.deepest" : "end") : "end.sorted";
    byId("end").textContent = hits.length && (ended || isSorted) ? t(end, { count: hits.length }) : "";
    byId("more").hidden = ended || !isSorted;
  }

  /** What a request tells while it waits. */
  get progress() {
    return {
      slow: () => this.say(t("slow"), { busy: true }),
      waiting: (count, code) =>
        this.say(t(code === "throttled" ? "waiting.throttled" : "waiting", { count }), { busy: true }),
    };
  }

  #showNetwork() {
    this.#offline.hidden = navigator.onLine;
    this.#offline.textContent = navigator.onLine ? "" : t("errors.offline");
  }
}
