/** The grid of pictures that were found: rows drawn before any thumbnail is there, moved through by keys. */

import { byId, iconButton, make, redraw } from "./dom.js";
import { layOut, shapeOf } from "./layout.js";
import { nameOf } from "./session.js";
import { score, t } from "./strings.js";

const GAP = 6;
const SIZES = [128, 256, 512];

/** Return the address of a hit's thumbnail for so many pixels on the screen. */
export function thumbnailOf(api, hit, pixels) {
  const address = new URL(api.address(hit.thumbnail_url));
  const wanted = pixels * Math.min(devicePixelRatio, 2);
  address.searchParams.set("size", SIZES.find((size) => size * 1.2 >= wanted) ?? SIZES.at(-1));
  return address.href;
}

/** Shows hits in a list; `on` hears of {open, like, unlike} with a hit, and `renew` brings it fresh links. */
export class Grid {
  #list = byId("results");
  #hits = [];
  #tiles = new Map();
  #places = [];
  #whole = true;
  #current = 0;

  constructor(api, on) {
    this.api = api;
    this.on = on;
    this.#list.addEventListener("keydown", (event) => this.#move(event));
    this.#list.addEventListener("focusin", (event) => this.#keep(event));
    this.#list.addEventListener("error", (event) => this.#renew(event.target), true);
    new ResizeObserver(() => this.#draw()).observe(this.#list);
  }

  /** Show hits in this order; a last row that is not full only where no more are to come (`whole`). */
  show(hits, { whole }) {
    const isNew = this.#hits[0]?.id !== hits[0]?.id;
    this.#hits = hits;
    this.#whole = whole;
    if (isNew) this.#current = 0;
    const kept = new Set(hits.map((hit) => hit.id));
    for (const id of this.#tiles.keys()) if (!kept.has(id)) this.#tiles.delete(id);
    this.#draw();
  }

  /** Remove everything. */
  clear() {
    this.#tiles.clear();
    this.show([], { whole: true });
  }

  /** Put the focus on a picture. */
  focus(id) {
    const place = this.#hits.findIndex((hit) => hit.id === id);
    if (place >= 0) this.#focus(place);
  }

  #draw() {
    const width = Math.floor(this.#list.getBoundingClientRect().width);
    if (!width) return;
    const height = Math.round(Math.min(Math.max(width / 4.5, 150), 220));
    this.#places = layOut(this.#hits.map(shapeOf), { width, height, gap: GAP, whole: this.#whole });
    this.#places.forEach((place, index) => this.#put(index, place));
    while (this.#list.children.length > this.#places.length) this.#list.lastChild.remove();
  }

  #put(index, { width, height }) {
    const hit = this.#hits[index];
    const tile = this.#tiles.get(hit.id) ?? this.#tile(hit);
    if (this.#list.children[index] !== tile.element) {
      this.#list.insertBefore(tile.element, this.#list.children[index] ?? null);
    }
    tile.button.tabIndex = index === this.#current ? 0 : -1;
    for (const action of tile.actions) action.tabIndex = tile.button.tabIndex;
    tile.hit = hit;
    if (tile.width === width && tile.height === height) return;
    Object.assign(tile, { width, height });
    tile.element.style.setProperty("width", `${width}px`);
    tile.element.style.setProperty("height", `${height}px`);
    const source = thumbnailOf(this.api, hit, Math.max(width, height));
    if (!tile.image.src) tile.image.src = source;
  }

  #tile(hit) {
    const name = nameOf(hit);
    const image = make("img", { alt: hit.caption ?? name, loading: "lazy", decoding: "async", draggable: false });
    const button = make("button", { type: "button", className: "open", title: name }, image);
    const actions = [
      iconButton("more", t("like.named", { name }), { className: "act", onclick: () => this.on.like(tile.hit) }),
      iconButton("less", t("unlike.named", { name }), { className: "act", onclick: () => this.on.unlike(tile.hit) }),
    ];
    button.addEventListener("click", () => this.on.open(tile.hit));
    const element = make(
      "li",
      { className: "tile", dataset: { id: hit.id } },
      button,
      make("div", { className: "acts" }, ...actions),
      make("span", { className: "score" }, score(hit.score)),
    );
    const tile = { element, button, image, actions, hit };
    this.#tiles.set(hit.id, tile);
    return tile;
  }

  /** Ask once for fresh links to a picture whose thumbnail does not come; then show that it is missing. */
  async #renew(image) {
    const tile = this.#tiles.get(image.closest?.(".tile")?.dataset.id);
    if (!tile || image !== tile.image) return;
    const fresh = tile.isRenewed ? null : await this.on.renew(tile.hit);
    tile.isRenewed = true;
    if (fresh?.thumbnail_url) image.src = thumbnailOf(this.api, fresh, Math.max(tile.width, tile.height));
    else this.#miss(tile);
  }

  #miss(tile) {
    const name = nameOf(tile.hit);
    tile.element.classList.add("missing");
    tile.button.title = t("picture.missing", { name });
    redraw(tile.button, make("span", { className: "name" }, t("picture.missing", { name })));
  }

  #keep({ target }) {
    const id = target.closest(".tile")?.dataset.id;
    const place = this.#hits.findIndex((hit) => hit.id === id);
    if (place >= 0) this.#select(place);
  }

  #select(place) {
    for (const [index, step] of [
      [this.#current, -1],
      [place, 0],
    ]) {
      const tile = this.#tiles.get(this.#hits[index]?.id);
      for (const button of tile ? [tile.button, ...tile.actions] : []) button.tabIndex = step;
    }
    this.#current = place;
  }

  #focus(place) {
    const tile = this.#tiles.get(this.#hits[place]?.id);
    if (!tile || place >= this.#places.length) return;
    this.#select(place);
    tile.button.focus();
    tile.element.scrollIntoView({ block: "nearest" });
  }

  #move(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const last = this.#places.length - 1;
    let wanted = null;
    if (event.key in steps) wanted = this.#current + steps[event.key];
    else if (event.key === "ArrowDown") wanted = this.#beside(1);
    else if (event.key === "ArrowUp") wanted = this.#beside(-1);
    else if (event.key === "Home") wanted = 0;
    else if (event.key === "End") wanted = last;
    if (wanted === null || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#focus(Math.min(Math.max(wanted, 0), last));
  }

  /** Return the picture of the next or the last row that is nearest to the current one. */
  #beside(step) {
    const { row, middle } = this.#places[this.#current];
    const candidates = [...this.#places.keys()].filter((place) => this.#places[place].row === row + step);
    const distance = (place) => Math.abs(this.#places[place].middle - middle);
    return candidates.reduce((best, place) => (best === null || distance(place) < distance(best) ? place : best), null);
  }
}
