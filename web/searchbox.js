/** Where people say what they look for: words, and pictures chosen, taken, pasted or dropped. */

import { PICTURES, byId, make } from "./dom.js";
import { recentSearches } from "./recent.js";
import { readQuery } from "./query.js";

/** The search box; `on` hears of `text` and of `pictures`, a list of files. */
export class SearchBox {
  #text = byId("text");

  constructor(on) {
    this.on = on;
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      on.text(this.#text.value.trim());
    });
    this.#text.addEventListener("focus", () => this.#suggest());
    for (const name of ["choose", "camera"]) {
      const input = byId(`${name}-file`);
      input.accept = name === "camera" ? "image/*" : PICTURES;
      byId(name).onclick = () => input.click();
      input.onchange = () => {
        this.#take(input.files);
        input.value = "";
      };
    }
    document.addEventListener("paste", (event) => this.#paste(event));
    this.#acceptDrops();
  }

  /** Show the words of a query. */
  show(text) {
    this.#text.value = text;
  }

  /** Put the focus on the words. */
  focus() {
    this.#text.focus();
  }

  #suggest() {
    const texts = new Set(
      recentSearches()
        .map((each) => readQuery(each.address).text)
        .filter(Boolean),
    );
    byId("recent-texts").replaceChildren(...[...texts].map((value) => make("option", { value })));
  }

  #take(files) {
    if (files.length) this.on.pictures([...files]);
  }

  #paste(event) {
    if (document.querySelector("dialog[open]") || !event.clipboardData.files.length) return;
    event.preventDefault();
    this.#take(event.clipboardData.files);
  }

  #acceptDrops() {
    const show = (isOver) => document.body.classList.toggle("dropping", isOver);
    document.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      show(!document.querySelector("dialog[open]"));
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget === null && show(false));
    document.addEventListener("drop", (event) => {
      show(false);
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) this.#take(event.dataTransfer.files);
    });
  }
}
