/** Choosing a part of a picture, by pointer or by keys. */

import { byId } from "./dom.js";
import { t } from "./strings.js";

const STEP = 0.02;
const SMALLEST = 0.04;
const START = { x: 0.2, y: 0.2, width: 0.6, height: 0.6 };

const within = (value, most) => Math.min(Math.max(value, 0), most);

/** A box over the picture that is looked at; `onChosen` hears of Enter. */
export class Region {
  #frame = byId("frame");
  #box = byId("region");
  #part = START;
  #corner = null;

  constructor(onChosen) {
    this.onChosen = onChosen;
    this.#box.addEventListener("keydown", (event) => this.#press(event));
    this.#frame.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#frame.addEventListener("pointermove", (event) => this.#draw(event));
    for (const name of ["pointerup", "pointercancel"]) this.#frame.addEventListener(name, () => (this.#corner = null));
  }

  /** Whether a part is being chosen. */
  get isActive() {
    return !this.#box.hidden;
  }

  /** The part {x, y, width, height}, each from 0 to 1 of the picture. */
  get part() {
    return this.#part;
  }

  /** Begin to choose, with the middle of the picture. */
  start() {
    this.#box.hidden = false;
    this.#frame.classList.add("choosing");
    this.#show(START);
    this.#box.focus();
  }

  /** Choose no longer. */
  stop() {
    this.#box.hidden = true;
    this.#corner = null;
    this.#frame.classList.remove("choosing");
  }

  #show(part) {
    this.#part = part;
    for (const [name, value] of [
      ["left", part.x],
      ["top", part.y],
      ["width", part.width],
      ["height", part.height],
    ]) {
      this.#box.style.setProperty(name, `${value * 100}%`);
    }
    const percent = (value) => Math.round(value * 100);
    const { x, y, width, height } = part;
    const place = { x: percent(x), y: percent(y), width: percent(width), height: percent(height) };
    this.#box.setAttribute("aria-label", t("region.label", place));
  }

  #at(event) {
    const { left, top, width, height } = this.#frame.getBoundingClientRect();
    return { x: within((event.clientX - left) / width, 1), y: within((event.clientY - top) / height, 1) };
  }

  #begin(event) {
    if (!this.isActive || event.button !== 0) return;
    event.preventDefault();
    this.#frame.setPointerCapture(event.pointerId);
    this.#corner = this.#at(event);
    this.#box.focus();
  }

  #draw(event) {
    if (!this.#corner) return;
    const [a, b] = [this.#corner, this.#at(event)];
    const size = (from, to) => Math.max(Math.abs(from - to), SMALLEST);
    const [width, height] = [size(a.x, b.x), size(a.y, b.y)];
    this.#show({ x: within(Math.min(a.x, b.x), 1 - width), y: within(Math.min(a.y, b.y), 1 - height), width, height });
  }

  #press(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.onChosen();
      return;
    }
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ] ?? [0, 0];
    if (!across && !down) return;
    event.preventDefault();
    event.stopPropagation();
    const { x, y, width, height } = this.#part;
    if (event.shiftKey) {
      const size = (now, step, room) => Math.min(Math.max(now + step * STEP, SMALLEST), room);
      this.#show({ x, y, width: size(width, across, 1 - x), height: size(height, down, 1 - y) });
    } else
      this.#show({ x: within(x + across * STEP, 1 - width), y: within(y + down * STEP, 1 - height), width, height });
  }
}
