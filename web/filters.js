/** The panel that narrows a search: facets to choose from, ranges, what counts, and where to cut. */

import { byId, make, redraw } from "./dom.js";
import { PARTS, facetsOf, toggled, withFilter } from "./query.js";
import { fieldName, score, t } from "./strings.js";

const MOST_VALUES = 12;
const CUT = 0.6;

/** The panel; `onQuery` hears of what a query is to be. */
export class Filters {
  #panel = byId("panel");

  constructor(onQuery) {
    this.onQuery = onQuery;
  }

  /** Show a query's filters, with the facets of its answer, for attributes of these types. */
  show(query, facets, attributes) {
    this.query = query;
    const named = (kind) =>
      Object.keys(attributes)
        .filter((name) => attributes[name] === kind)
        .map((name) => `attributes.${name}`);
    redraw(
      this.#panel,
      ...facetsOf(attributes).map((field) => this.#facet(field, facets[field] ?? [])),
      ...named("boolean").map((field) => this.#choice(field)),
      ...named("number").map((field) => this.#range(field, "number")),
      ...[...named("date"), "last_modified"].map((field) => this.#range(field, "date")),
      this.#folder(),
      this.#cut(),
      this.#ranking(),
    );
  }

  #change(query) {
    this.query = query; // the next change may come before the answer to this one
    this.onQuery({ ...query, view: "" });
  }

  #facet(field, counts) {
    const chosen = this.query.filters.in[field] ?? [];
    const counted = new Map(counts.map(({ value, count }) => [`${value}`, count]));
    const values = [...new Set([...chosen, ...counted.keys()])].slice(0, Math.max(MOST_VALUES, chosen.length));
    if (!values.length) return null;
    const buttons = values.map((value) =>
      make(
        "button",
        {
          type: "button",
          className: "facet",
          "aria-pressed": chosen.includes(value),
          dataset: { focus: `facet ${field} ${value}` },
          onclick: () => this.#change(toggled(this.query, field, value)),
        },
        value,
        counted.has(value) &&
          make("span", { className: "count", textContent: t("count", { number: counted.get(value) }) }),
      ),
    );
    return group(fieldName(field), make("div", { className: "facets" }, ...buttons));
  }

  #choice(field) {
    const said = this.query.filters.is[field];
    const options = [
      ["", "any"],
      ["true", "yes"],
      ["false", "no"],
    ].map(([value, name]) => make("option", { value, textContent: t(name), selected: value === `${said ?? ""}` }));
    const select = make("select", { dataset: { focus: `is ${field}` } }, ...options);
    select.onchange = () =>
      this.#change(withFilter(this.query, "is", field, select.value === "" ? null : select.value === "true"));
    return make("label", { className: "line" }, fieldName(field), select);
  }

  #range(field, type) {
    const bound = (kind) => {
      const value = this.query.filters[kind][field] ?? "";
      const input = make("input", { type, value, step: "any", dataset: { focus: `${kind} ${field}` } });
      input.onchange = () => input.validity.valid && this.#change(withFilter(this.query, kind, field, input.value));
      return make("label", {}, t(kind), input);
    };
    return group(fieldName(field), make("div", { className: "range" }, bound("from"), bound("to")));
  }

  #folder() {
    const input = make("input", {
      type: "text",
      value: this.query.filters.prefix,
      maxLength: 1024,
      dataset: { focus: "prefix" },
    });
    input.onchange = () => this.#change(withFilter(this.query, "prefix", "", input.value));
    return make("label", { className: "line" }, fieldName("prefix"), input);
  }

  #cut() {
    const { cut } = this.query;
    const kind = typeof cut === "number" ? "least" : cut;
    const slider = make("input", {
      type: "range",
      min: 0,
      max: 1,
      step: 0.01,
      value: typeof cut === "number" ? cut : CUT,
      disabled: kind !== "least",
      dataset: { focus: "least" },
    });
    const shown = make("output", { textContent: kind === "least" ? score(cut) : "" });
    slider.setAttribute("aria-label", t("cut.slider"));
    slider.oninput = () => (shown.textContent = score(Number(slider.value)));
    slider.onchange = () => this.#change({ ...this.query, cut: Number(slider.value) });
    const radios = ["none", "auto", "least"].map((value) => {
      const radio = make("input", {
        type: "radio",
        name: "cut",
        value,
        checked: value === kind,
        dataset: { focus: `cut ${value}` },
      });
      radio.onchange = () => this.#change({ ...this.query, cut: value === "least" ? Number(slider.value) : value });
      return make("label", { className: "radio" }, radio, t(`cut.${value}`));
    });
    return group(t("cut"), ...radios, make("div", { className: "slider" }, slider, shown));
  }

  #ranking() {
    const options = PARTS.map((part) =>
      make("option", { value: part, textContent: t(`part.${part}`), selected: part === this.query.part }),
    );
    const select = make("select", { dataset: { focus: "part" } }, ...options);
    select.onchange = () => this.#change({ ...this.query, part: select.value });
    return group(
      t("ranking"),
      make("label", { className: "line" }, t("part"), select),
      this.#flag("hybrid"),
      this.#flag("collapse"),
    );
  }

  #flag(name) {
    const box = make("input", { type: "checkbox", checked: this.query[name], dataset: { focus: name } });
    box.onchange = () => this.#change({ ...this.query, [name]: box.checked });
    return make("label", { className: "radio" }, box, t(name));
  }
}

const group = (name, ...children) => make("fieldset", {}, make("legend", { textContent: name }), ...children);
