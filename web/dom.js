/** Making and finding elements. */

const SVG = "http://www.w3.org/2000/svg";

/** What a file chooser offers; some systems know the newer formats by their names only. */
export const PICTURES = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,.tif,.tiff,.heic,.heif,.avif";

/** Return the element of this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Return a new element. Names that begin with `on` are listeners, `dataset` is a mapping, names with a hyphen
 * and `role` are attributes, all others properties; children that are null or false are left out.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** Return a drawing of `icons.svg`, which says nothing by itself. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  drawing.append(use);
  return drawing;
}

/** Return a button that shows an icon and is called `label`. */
export function iconButton(name, label, properties = {}) {
  return make("button", { type: "button", title: label, "aria-label": label, ...properties }, icon(name));
}

/** Draw the content of an element anew; who was in focus, by `data-focus`, is so again, with what was typed. */
export function redraw(element, ...children) {
  const active = document.activeElement;
  const focus = element.contains(active) ? active.dataset.focus : undefined;
  element.replaceChildren(...children.filter((child) => child !== null && child !== false));
  const again = focus && element.querySelector(`[data-focus="${CSS.escape(focus)}"]`);
  if (!again) return;
  if (again.matches("input")) again.value = active.value;
  again.focus();
}

/** Let a button switch something on and off, and remember it. */
export function toggle(button, name, isOnAtFirst, onSwitch) {
  const state = button.hasAttribute("aria-expanded") ? "aria-expanded" : "aria-pressed";
  const show = (isOn) => {
    button.setAttribute(state, isOn);
    onSwitch(isOn);
  };
  show((localStorage.getItem(name) ?? `${isOnAtFirst}`) === "true");
  button.onclick = () => {
    const isOn = button.getAttribute(state) !== "true";
    localStorage.setItem(name, isOn);
    show(isOn);
  };
}
