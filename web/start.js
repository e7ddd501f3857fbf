/** The page before anything is looked for: examples from the collection, recent searches, first use. */

import { byId, make } from "./dom.js";
import { thumbnailOf } from "./grid.js";
import { queryOf, readQuery } from "./query.js";
import { forgetSearches, recentSearches } from "./recent.js";
import { nameOf } from "./session.js";
import { t } from "./strings.js";

const SHOWN = 12;
const TEXTS = 6;
const LONGEST_TEXT = 60;

/** The start; `on` hears of `query` with a search to make, and of `add`. `examples` see what it shows. */
export class Start {
  #section = byId("start");
  #pictures = null;

  constructor(api, examples, on) {
    Object.assign(this, { api, examples, on });
  }

  /** Show what there is to begin with, among so many pictures. */
  async show(count, { signal, progress }) {
    this.#section.hidden = false;
    if (count === 0) {
      const add = make("button", {
        type: "button",
        className: "primary",
        textContent: t("adding.open"),
        onclick: this.on.add,
      });
      this.#section.replaceChildren(
        make("h2", { textContent: t("start.first") }),
        make("p", { textContent: t("start.first.help") }),
        add,
      );
      return;
    }
    const title = [
      make("h2", { textContent: t("start.title", { count }) }),
      make("p", { textContent: t("start.help") }),
    ];
    this.#section.replaceChildren(...title, ...this.#recent());
    this.#pictures ??= await this.#sample(signal, progress);
    if (!signal.aborted) this.#section.append(...this.#suggestions());
  }

  /** Show it no longer. */
  hide() {
    this.#section.hidden = true;
  }

  /** Some pictures of the collection: those nearest to a text that fits any. */
  async #sample(signal, progress) {
    const body = { text: t("start.neutral"), k: SHOWN * 2, collapse: true };
    return (await this.api.ask("POST", "search", { body, signal, progress })).hits;
  }

  #suggestions() {
    const words = [make("h3", { textContent: t("start.words") }), this.#texts(this.#pictures)];
    return [...words, make("h3", { textContent: t("start.pictures") }), this.#samples(this.#pictures)];
  }

  #texts(pictures) {
    const texts = textsOf(pictures).map((text) => make("li", {}, this.#link(text, queryOf({ text }))));
    return make("ul", { className: "links" }, ...texts);
  }

  #samples(pictures) {
    const buttons = pictures.slice(0, SHOWN).map((picture) => {
      this.examples.see(picture);
      const image = make("img", {
        src: thumbnailOf(this.api, picture, 128),
        alt: t("like.named", { name: nameOf(picture) }),
        width: 96,
        height: 96,
      });
      const query = queryOf({ examples: [{ sign: 1, kind: "id", name: picture.id, weight: 1 }] });
      return make(
        "li",
        {},
        make("button", { type: "button", className: "sample", onclick: () => this.on.query(query) }, image),
      );
    });
    return make("ul", { className: "samples" }, ...buttons);
  }

  #recent() {
    const searches = recentSearches();
    if (!searches.length) return [];
    const links = searches.map(({ address, label }) => make("li", {}, this.#link(label, readQuery(address))));
    const forget = () => {
      forgetSearches();
      for (const element of [list, heading, clear]) element.remove();
      byId("text").focus();
    };
    const heading = make("h3", { textContent: t("recent") });
    const list = make("ul", { className: "links", id: "recent" }, ...links);
    const clear = make("button", {
      type: "button",
      className: "plain",
      id: "forget",
      textContent: t("recent.clear"),
      onclick: forget,
    });
    return [heading, list, clear];
  }

  #link(label, query) {
    return make("button", {
      type: "button",
      className: "facet",
      textContent: label,
      onclick: () => this.on.query(query),
    });
  }
}

/** Return texts that the collection knows something to: captions, titles and tags, or common ones. */
function textsOf(pictures) {
  const said = pictures.flatMap(({ caption, title, tags = [] }) => [caption, title, ...tags]);
  const usable = [...new Set(said)].filter((text) => text && text.length <= LONGEST_TEXT);
  return [...usable, ...t("start.examples").split("|")].slice(0, TEXTS);
}
