/** What a search is by and what narrows it, as chips that can be weighed and removed. */

import { byId, icon, iconButton, make, redraw } from "./dom.js";
import { thumbnailOf } from "./grid.js";
import { WEIGHTS, toggled, withFilter, withoutFilters, countFilters } from "./query.js";
import { nameOf } from "./session.js";
import { fieldName, t } from "./strings.js";

/** The row of chips; `on` hears of `query` with what it is to be, and of `own` with an upload's name. */
export class Chips {
  #row = byId("chips");

  constructor(api, examples, on) {
    Object.assign(this, { api, examples, on });
  }

  /** Show a query's examples and filters. */
  show(query) {
    const chips = [...query.examples.map((each) => this.#example(query, each)), ...this.#filters(query)];
    if (countFilters(query) > 1) {
      const clear = () => this.on.query(withoutFilters(query));
      chips.push(
        make(
          "li",
          {},
          make("button", { type: "button", className: "plain", textContent: t("filters.clear"), onclick: clear }),
        ),
      );
    }
    redraw(this.#row, ...chips);
    this.#row.hidden = chips.length === 0;
  }

  #example(query, example) {
    const isLike = example.sign > 0;
    const chip = make("li", { className: isLike ? "chip like" : "chip unlike" });
    const preview = make("img", { alt: "", className: "preview", width: 32, height: 32 });
    const label = make("span", { className: "name", textContent: t(isLike ? "like" : "unlike") });
    const weight = this.#weight(query, example);
    const remove = this.#remove("", example.name, () => {
      this.on.query({ ...query, examples: query.examples.filter((each) => each !== example), view: "" });
    });
    chip.append(icon(isLike ? "more" : "less"), preview, label, weight, remove);
    this.#describe(example, { preview, label, weight, remove });
    return chip;
  }

  async #describe(example, { preview, label, weight, remove }) {
    const isOwn = example.kind === "upload";
    const picture = isOwn ? null : await this.examples.indexed(example.name);
    const name = isOwn ? t("own") : picture ? nameOf(picture) : t("picture.unknown");
    label.textContent = t(example.sign > 0 ? "like.named" : "unlike.named", { name });
    remove.title = t("remove", { name });
    remove.setAttribute("aria-label", remove.title);
    weight.setAttribute("aria-label", t("weight", { name }));
    const source = isOwn
      ? this.examples.preview(example.name)
      : picture?.thumbnail_url && thumbnailOf(this.api, picture, 64);
    if (source) preview.src = source;
    else preview.replaceWith(icon("picture"));
    if (isOwn && this.examples.own(example.name)) this.#lookAt(example, preview);
  }

  /** Let an own picture be looked at, so that a part of it can be searched for. */
  #lookAt(example, preview) {
    const button = make("button", {
      type: "button",
      className: "plain look",
      title: t("own.look"),
      "aria-label": t("own.look"),
    });
    preview.replaceWith(button);
    button.append(preview);
    button.onclick = () => this.on.own(example.name);
  }

  #weight(query, example) {
    const known = WEIGHTS.includes(example.weight) ? WEIGHTS : [...WEIGHTS, example.weight].toSorted((a, b) => a - b);
    const options = known.map((value) =>
      make("option", { value, textContent: `×${value}`, selected: value === example.weight }),
    );
    const select = make("select", { dataset: { focus: `weight ${example.name}` } }, ...options);
    select.onchange = () => {
      const weighed = { ...example, weight: Number(select.value) };
      this.on.query({
        ...query,
        examples: query.examples.map((each) => (each === example ? weighed : each)),
        view: "",
      });
    };
    return select;
  }

  #filters(query) {
    const { filters } = query;
    const chips = [];
    const add = (label, without) =>
      chips.push(
        make(
          "li",
          { className: "chip" },
          make("span", { className: "name", textContent: label }),
          this.#remove(label, label, () => this.on.query(without)),
        ),
      );
    for (const [field, values] of Object.entries(filters.in)) {
      for (const value of values) add(`${fieldName(field)}: ${value}`, toggled(query, field, value));
    }
    for (const [kind, sign] of [
      ["from", "≥"],
      ["to", "≤"],
    ]) {
      for (const [field, value] of Object.entries(filters[kind]))
        add(`${fieldName(field)} ${sign} ${value}`, withFilter(query, kind, field, ""));
    }
    for (const [field, value] of Object.entries(filters.is)) {
      add(`${fieldName(field)}: ${t(value ? "yes" : "no")}`, withFilter(query, "is", field, null));
    }
    if (filters.prefix) add(`${fieldName("prefix")}: ${filters.prefix}`, withFilter(query, "prefix", "", ""));
    return chips;
  }

  #remove(name, key, onclick) {
    return iconButton("close", t("remove", { name }), {
      className: "plain",
      onclick,
      dataset: { focus: `remove ${key}` },
    });
  }
}
