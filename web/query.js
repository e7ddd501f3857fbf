/**
 * What is looked for, as the page keeps it: in the address bar, and as the API's request.
 *
 * A query is {text, examples, filters, cut, sort, part, hybrid, collapse, view}. An example is {sign, kind,
 * name, weight}: like (1) or unlike (-1) the picture with this id, or the upload of this name. Filters are
 * {in: {field: [values]}, from, to: {field: value}, is: {field: boolean}, prefix}. `cut` is "none", "auto" or
 * the least score. `view` is the id of the picture that is looked at.
 */

export const MOST_EXAMPLES = 10;
export const WEIGHTS = [0.5, 1, 2, 4];
export const SORTS = ["relevance", "newest", "oldest", "name", "largest"];
export const PARTS = ["picture", "caption", "any"];

const MOST_FACETS = 10;
const NO_FILTERS = { in: {}, from: {}, to: {}, is: {}, prefix: "" };
const EMPTY = {
  text: "",
  examples: [],
  filters: NO_FILTERS,
  cut: "none",
  sort: "relevance",
  part: "picture",
  hybrid: false,
  collapse: false,
  view: "",
};
const EXAMPLE = /^(id|upload):([0-9a-f]{32})(?:~([0-9.]+))?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

/** Return a query that is empty but for what is given. */
export const queryOf = (given = {}) => ({ ...EMPTY, ...given });

/** Return a query as it stands in an address; what cannot be read there is left out. */
export function readQuery(search) {
  const said = new URLSearchParams(search);
  const one = (name, known) => (known.includes(said.get(name)) ? said.get(name) : EMPTY[name]);
  return queryOf({
    text: said.get("q") ?? "",
    examples: [...readExamples(said, "like", 1), ...readExamples(said, "unlike", -1)].slice(0, MOST_EXAMPLES),
    filters: readFilters(said),
    cut: readCut(said.get("cut")),
    sort: one("sort", SORTS),
    part: one("part", PARTS),
    hybrid: said.has("hybrid"),
    collapse: said.has("collapse"),
    view: said.get("view") ?? "",
  });
}

function readExamples(said, place, sign) {
  const matches = said
    .getAll(place)
    .map((text) => EXAMPLE.exec(text))
    .filter(Boolean);
  return matches.map(([, kind, name, weight]) => ({ sign, kind, name, weight: readWeight(weight) }));
}

function readWeight(text) {
  const weight = Number(text ?? 1);
  return weight > 0 && weight <= 10 ? weight : 1;
}

function readCut(text) {
  if (text === "auto") return text;
  const least = Number(text ?? NaN);
  return least >= 0 && least <= 1 ? least : "none";
}

function readFilters(said) {
  const filters = { in: {}, from: {}, to: {}, is: {}, prefix: said.get("prefix") ?? "" };
  for (const [name, value] of said) {
    const [, kind, field] = /^(in|from|to|is)\.(.+)$/.exec(name) ?? [];
    if (kind === "in") (filters.in[field] ??= []).push(value);
    else if (kind === "is") filters.is[field] = value === "true";
    else if (kind && (DATE.test(value) || (value !== "" && Number.isFinite(Number(value)))))
      filters[kind][field] = value;
  }
  return filters;
}

/** Return the part of an address that says a query: empty, or beginning with a question mark. */
export function writeQuery(query) {
  const said = new URLSearchParams();
  if (query.text) said.set("q", query.text);
  for (const { sign, kind, name, weight } of query.examples) {
    said.append(sign > 0 ? "like" : "unlike", `${kind}:${name}${weight === 1 ? "" : `~${weight}`}`);
  }
  for (const [field, values] of Object.entries(query.filters.in))
    for (const value of values) said.append(`in.${field}`, value);
  for (const kind of ["from", "to", "is"]) {
    for (const [field, value] of Object.entries(query.filters[kind])) said.set(`${kind}.${field}`, value);
  }
  if (query.filters.prefix) said.set("prefix", query.filters.prefix);
  for (const name of ["cut", "sort", "part"]) if (query[name] !== EMPTY[name]) said.set(name, query[name]);
  for (const name of ["hybrid", "collapse"]) if (query[name]) said.set(name, "1");
  if (query.view) said.set("view", query.view);
  return said.size ? `?${said}` : "";
}

/** Return what tells one search from another: its address, whichever of its pictures is looked at. */
export const identityOf = (query) => writeQuery({ ...query, view: "" });

/** Tell whether nothing is looked for. */
export const isEmpty = (query) => !query.text.trim() && query.examples.length === 0;

/** Tell whether a query says what hits are to be unlike, and nothing that they are to be like. */
export const saysOnlyUnlike = (query) =>
  !query.text.trim() && !isEmpty(query) && query.examples.every((each) => each.sign < 0);

/** Return a query with an example more, or with another sign for one that it has. */
export function withExample(query, example) {
  const others = query.examples.filter((each) => each.name !== example.name);
  return { ...query, examples: [...others, { weight: 1, ...example }], view: "" };
}

/** Return how many conditions a query's filters hold. */
export function countFilters({ filters }) {
  const fields = ["in", "from", "to", "is"].flatMap((kind) => Object.values(filters[kind]).flat());
  return fields.length + (filters.prefix ? 1 : 0);
}

/** Return a query with some kinds of filters said otherwise; what is empty is left out. */
export function withFilter(query, kind, field, value) {
  if (kind === "prefix") return { ...query, filters: { ...query.filters, prefix: value }, view: "" };
  const { [field]: _, ...said } = query.filters[kind];
  if (value !== "" && value !== null && value.length !== 0) said[field] = value;
  return { ...query, filters: { ...query.filters, [kind]: said }, view: "" };
}

/** Return a query with a value chosen among a field's, or no longer. */
export function toggled(query, field, value) {
  const chosen = query.filters.in[field] ?? [];
  const left = chosen.filter((each) => each !== value);
  return withFilter(query, "in", field, left.length < chosen.length ? left : [...chosen, value]);
}

/** Return a query without any filter. */
export const withoutFilters = (query) => ({ ...query, filters: NO_FILTERS, view: "" });

/** Return the fields whose values an answer is to count, for attributes of these types. */
export function facetsOf(attributes) {
  const keywords = Object.keys(attributes).filter((name) => attributes[name] === "keyword");
  return ["tags", ...keywords.map((name) => `attributes.${name}`), "content_type"].slice(0, MOST_FACETS);
}

/** Return the body of `POST /search`: `k` hits behind the cursor, with facets on the first page only. */
export function requestOf(query, { k, facets, cursor }) {
  const text = query.text.trim();
  const filter = filterOf(query.filters);
  const body = { k, explain: true, part: query.part };
  if (text) body.text = text;
  for (const { sign, kind, name, weight } of query.examples) {
    (body[sign > 0 ? "like" : "unlike"] ??= []).push({ image: { [kind]: name }, weight });
  }
  if (filter) body.filter = filter;
  if (query.cut === "auto") body.cutoff = "auto";
  else if (query.cut !== "none") body.min_score = query.cut;
  if (query.collapse) body.collapse = true;
  if (query.hybrid && text) body.hybrid = true;
  if (cursor) body.cursor = cursor;
  else if (facets.length) body.facets = facets;
  return body;
}

function filterOf(filters) {
  const conditions = [
    ...Object.entries(filters.in).map(([field, values]) => ({ field, in: values })),
    ...Object.entries(filters.from).map(([field, value]) => ({ field, gte: bound(value) })),
    ...Object.entries(filters.to).map(([field, value]) =>
      DATE.test(value) ? { field, lt: nextDay(value) } : { field, lte: bound(value) },
    ),
    ...Object.entries(filters.is).map(([field, value]) =>
      value ? { field, in: [true] } : { not: { field, in: [true] } },
    ),
  ];
  if (filters.prefix) conditions.push({ field: "key", prefix: filters.prefix });
  return conditions.length > 1 ? { all: conditions } : conditions[0];
}

const bound = (value) => (DATE.test(value) ? value : Number(value));

/** Return the day after a date: a range of days ends before it. */
function nextDay(date) {
  const moment = new Date(`${date}T00:00:00Z`);
  moment.setUTCDate(moment.getUTCDate() + 1);
  return moment.toISOString().slice(0, 10);
}
