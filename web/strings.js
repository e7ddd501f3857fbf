/** The page's words: all of them stand in `strings/`, a file a language. */

const KEPT_AS = "imagesearch.language";
let words = {};
let language = "en";

/** Load the words of the remembered language, or of the first one that the browser prefers. */
export async function loadStrings(languages) {
  const wanted = [localStorage.getItem(KEPT_AS), ...navigator.languages.map((each) => each.split("-")[0])];
  language = wanted.find((each) => languages.includes(each)) ?? languages[0];
  words = await (await fetch(`strings/${language}.json`)).json();
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
  document.title = t("title");
  fill(document);
}

/** Return the language that is shown. */
export const currentLanguage = () => language;

/** Remember a language and start anew in it; the address holds what is being looked for. */
export function switchLanguage(wanted) {
  localStorage.setItem(KEPT_AS, wanted);
  location.reload();
}

/** Tell whether there are words under this name. */
export const has = (name) => name in words;

/** Return the words under a name, their {places} filled; a `count` chooses between `.one` and `.other`. */
export function t(name, values = {}) {
  const form = "count" in values ? `${name}.${new Intl.PluralRules(language).select(values.count)}` : name;
  const text = words[form] ?? words[`${name}.other`] ?? words[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, place) => shown(values[place]));
}

/** Return a number, or a text as it is. */
const shown = (value) => (typeof value === "number" ? new Intl.NumberFormat(language).format(value) : `${value ?? ""}`);

/** Return a score with three decimals. */
export const score = (value) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 }).format(value);

/** Return a day, in words of the language. */
export const day = (text) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(text));

/** Return a number of bytes in the unit that people would use. */
export function bytes(count) {
  const place = Math.min(Math.floor(Math.log(Math.max(count, 1)) / Math.log(1000)), 3);
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][place];
  const format = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: place > 1 ? 1 : 0 };
  return new Intl.NumberFormat(language, format).format(count / 1000 ** place);
}

/** Return a field's name as people read it. */
export function fieldName(field) {
  const name = `field.${field}`;
  return has(name) ? t(name) : field.replace("attributes.", "").replaceAll(/[_-]/g, " ");
}

/** Fill the elements that name their words by `data-text`, `data-label` and `data-placeholder`. */
function fill(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
    if (element.matches("button, a")) element.title = t(element.dataset.label);
  }
  for (const element of root.querySelectorAll("[data-placeholder]"))
    element.placeholder = t(element.dataset.placeholder);
}
