/** Looking at one picture: large, with what is known of it, and what can be done with it. */

import { byId, make } from "./dom.js";
import { Failure, failureOf, isAbort } from "./failure.js";
import { thumbnailOf } from "./grid.js";
import { cropped } from "./pictures.js";
import { Region } from "./region.js";
import { nameOf } from "./session.js";
import { bytes, day, score, t } from "./strings.js";

const LARGEST_SCALE = 2;

/**
 * The dialog of one picture. `on` hears of {like, unlike} with the picture, `part` with a crop, `step` with -1
 * or 1, `closed`; `renew` brings fresh links. A picture of one's own has a `blob`, and nothing else is known.
 */
export class Viewer {
  #dialog = byId("viewer");
  #stage = byId("stage");
  #frame = byId("frame");
  #image = byId("viewer-picture");
  #note = byId("viewer-note");
  #picture = null;
  #region = new Region(() => this.#search());

  constructor(api, on) {
    this.api = api;
    this.on = on;
    byId("viewer-close").onclick = () => this.close();
    byId("previous").onclick = () => on.step(-1);
    byId("next").onclick = () => on.step(1);
    byId("viewer-like").onclick = () => on.like(this.#picture);
    byId("viewer-unlike").onclick = () => on.unlike(this.#picture);
    byId("viewer-region").onclick = () => this.#toggleRegion();
    byId("region-search").onclick = () => this.#search();
    byId("viewer-download").onclick = () => this.#download();
    this.#dialog.addEventListener("keydown", (event) => this.#press(event));
    this.#dialog.addEventListener("cancel", (event) => this.#cancel(event));
    this.#dialog.addEventListener("close", () => this.#closed());
    new ResizeObserver(() => this.#fit()).observe(this.#stage);
  }

  /** The picture that is looked at, or null. */
  get picture() {
    return this.#dialog.open ? this.#picture : null;
  }

  /** Show a picture; `before` and `after` tell whether there are others on either side. */
  show(picture, { before, after }) {
    this.#endRegion();
    this.#picture = picture;
    byId("viewer-name").textContent = picture.blob ? t("own") : nameOf(picture);
    byId("previous").disabled = !before;
    byId("next").disabled = !after;
    for (const id of ["viewer-like", "viewer-unlike", "viewer-download"]) byId(id).hidden = Boolean(picture.blob);
    byId("facts").replaceChildren(...factsOf(picture));
    this.#say("");
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#image.alt = picture.caption ?? byId("viewer-name").textContent;
    this.#fit();
    this.#load(picture);
  }

  /** Look at nothing any more. */
  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  /** Show the thumbnail at once and the picture itself when it is there; fresh links where they ran out. */
  async #load(picture) {
    if (picture.blob) {
      this.#image.src = picture.url;
      return;
    }
    this.#image.src = thumbnailOf(this.api, picture, 512);
    for (const isRenewed of [false, true]) {
      const fresh = isRenewed ? await this.on.renew(picture) : picture;
      if (!fresh || this.#picture !== picture) break;
      if (isRenewed) this.#image.src = thumbnailOf(this.api, fresh, 512);
      if (await isShown(fresh.url)) {
        if (this.#picture === picture) this.#image.src = fresh.url;
        return;
      }
    }
    if (this.#picture === picture) this.#say(t("picture.smaller"));
  }

  /** Make the picture as large as there is room, before any of its bytes are there. */
  #fit() {
    const { width = 1, height = 1 } = this.#picture ?? {};
    const room = this.#stage.getBoundingClientRect();
    const scale = Math.min(room.width / width, room.height / height, LARGEST_SCALE);
    this.#frame.style.setProperty("width", `${Math.floor(width * scale)}px`);
    this.#frame.style.setProperty("height", `${Math.floor(height * scale)}px`);
  }

  #press(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || this.#region.isActive || event.target.matches("input, select")) return;
    event.preventDefault();
    const button = byId(step < 0 ? "previous" : "next");
    if (!button.disabled) this.on.step(step);
  }

  #cancel(event) {
    if (!this.#region.isActive) return;
    event.preventDefault();
    this.#endRegion();
    byId("viewer-region").focus();
  }

  #closed() {
    this.#endRegion();
    this.#image.removeAttribute("src");
    this.on.closed(this.#picture);
  }

  #toggleRegion() {
    if (this.#region.isActive) {
      this.#endRegion();
      return;
    }
    this.#region.start();
    byId("viewer-region").setAttribute("aria-pressed", "true");
    byId("region-search").hidden = false;
    this.#say(t("region.help"));
  }

  #endRegion() {
    if (this.#region.isActive) this.#say("");
    this.#region.stop();
    byId("viewer-region").setAttribute("aria-pressed", "false");
    byId("region-search").hidden = true;
  }

  async #search() {
    const picture = this.#picture;
    const part = this.#region.part;
    this.#say(t("region.cropping"));
    try {
      const crop = await this.#crop(picture, part);
      if (this.#picture === picture) await this.on.part(crop);
    } catch (error) {
      if (!isAbort(error)) this.#say(failureOf(error).sentence);
    }
  }

  /** Return the crop of the picture itself, or of its thumbnail where a browser cannot read the original. */
  async #crop(picture, part) {
    if (picture.blob) return cropped(picture.blob, part);
    try {
      return await cropped(await bytesOf(picture.url), part);
    } catch {
      return cropped(await bytesOf(thumbnailOf(this.api, picture, 512), "image/webp"), part);
    }
  }

  async #download() {
    const picture = this.#picture;
    try {
      const address = URL.createObjectURL(await bytesOf(picture.url));
      make("a", { href: address, download: picture.key.split("/").at(-1) }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      this.#say(failureOf(error).sentence);
    }
  }

  #say(sentence) {
    this.#note.textContent = sentence;
  }
}

/** Resolve to whether a browser can show what is at an address. */
function isShown(address) {
  const probe = new Image();
  probe.src = address;
  return probe.decode().then(
    () => true,
    () => false,
  );
}

/** Return what is at an address, past the cache: what an `<img>` left there may not be read by a page. */
async function bytesOf(address, accept = "*/*") {
  const response = await fetch(address, { cache: "no-store", headers: { accept } }).catch(() => null);
  if (!response?.ok) throw new Failure(navigator.onLine ? "picture_unreadable" : "offline");
  return response.blob();
}

function factsOf(picture) {
  if (picture.blob) return [];
  const { width, height, tags, attributes, matched, duplicates } = picture;
  const facts = [
    [t("fact.caption"), picture.caption],
    [t("fact.name"), picture.key],
    [t("fact.pixels"), width && t("pixels", { width, height })],
    [t("fact.size"), `${bytes(picture.size)} · ${picture.content_type ?? ""}`],
    [t("fact.date"), day(picture.last_modified)],
    [t("fact.tags"), tags?.join(", ")],
    ...Object.entries(attributes ?? {}).map(([name, value]) => [name, `${value}`]),
    [t("fact.score"), picture.score === undefined ? null : score(picture.score)],
    [t("fact.why"), matched?.map((leg) => reason(picture, leg)).join(" ")],
    [t("fact.duplicates"), duplicates?.map((each) => each.key).join(", ")],
  ];
  return facts
    .filter(([, value]) => value)
    .flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]);
}

/** Return the sentence for one way in which a picture was found. */
function reason(picture, leg) {
  const by = picture.explain?.[leg];
  return t(`why.${leg}`, { score: by === undefined ? "" : score(by) });
}
