/** Putting new pictures into the library, and telling how far each is until it can be found. */

import { pause } from "./api.js";
import { PICTURES, byId, make } from "./dom.js";
import { Failure, failureOf } from "./failure.js";
import { uploadForLibrary } from "./pictures.js";
import { t } from "./strings.js";

const AT_ONCE = 3;
const FIRST_LOOK_MS = 500;
const LAST_LOOK_MS = 5_000;
const PATIENCE_MS = 180_000;

/** Return the id of the picture under a key: 32 digits of its SHA-256. */
async function idOf(key) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return Array.from(new Uint8Array(digest).slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The dialog of new pictures; `on` hears of `show` with a picture that can be found now. */
export class Adding {
  #dialog = byId("adding");
  #list = byId("adding-list");
  #waiting = [];
  #busy = 0;

  constructor(api, on) {
    Object.assign(this, { api, on });
    const input = byId("adding-file");
    input.accept = PICTURES;
    input.onchange = () => {
      this.add([...input.files]);
      input.value = "";
    };
    byId("adding-choose").onclick = () => input.click();
    byId("adding-close").onclick = () => this.#dialog.close();
    this.#dialog.addEventListener("drop", (event) => this.add([...event.dataTransfer.files]));
    addEventListener("beforeunload", (event) => this.#busy && event.preventDefault());
  }

  /** Open the dialog. */
  open() {
    this.#dialog.showModal();
  }

  /** Put files into the library, a few at once, under the folder that is named. */
  add(files) {
    const folder = byId("adding-folder")
      .value.trim()
      .replace(/^\/+|\/+$/g, "");
    for (const file of files) {
      const item = new Item(folder ? `${folder}/${file.name}` : file.name, file);
      this.#list.append(item.element);
      this.#waiting.push(item);
    }
    this.#next();
  }

  #next() {
    while (this.#busy < AT_ONCE && this.#waiting.length) this.#bring(this.#waiting.shift());
  }

  async #bring(item) {
    this.#busy += 1;
    try {
      item.say("sending");
      const etag = await uploadForLibrary(this.api, item.file, item.key, { onProgress: (share) => item.sent(share) });
      item.say("indexing");
      this.#end(item, await this.#known(item.key, etag));
    } catch (error) {
      item.fail(failureOf(error), () => {
        this.#waiting.push(item);
        this.#next();
      });
    } finally {
      this.#busy -= 1;
      this.#next();
    }
  }

  #end(item, picture) {
    if (!picture) item.say("late");
    else if (picture.state === "indexed") item.find(() => this.#show(picture));
    else item.reject(picture.error);
  }

  #show(picture) {
    this.#dialog.close();
    this.on.show(picture);
  }

  /** Return what the index knows of a picture as it was sent; null where that takes too long. */
  async #known(key, etag) {
    const id = await idOf(key);
    const until = performance.now() + PATIENCE_MS;
    for (let wait = FIRST_LOOK_MS; performance.now() < until; wait = Math.min(wait * 1.5, LAST_LOOK_MS)) {
      await pause(wait);
      const picture = await this.api.ask("GET", `images/${id}`).catch((failure) => {
        if (failure.code !== "image_unknown") throw failure;
      });
      if (picture && (etag === null || picture.etag.replaceAll('"', "") === etag)) return picture;
    }
    return null;
  }
}

/** One picture on its way into the library. */
class Item {
  constructor(key, file) {
    Object.assign(this, { key, file });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": t("adding.progress", { name: key }) });
    this.state = make("span", { className: "state", role: "status" });
    this.action = make("button", { type: "button", className: "plain", hidden: true });
    this.element = make(
      "li",
      {},
      make("span", { className: "name", textContent: key }),
      this.bar,
      this.state,
      this.action,
    );
    this.say("queued");
  }

  say(state, values = {}) {
    this.element.dataset.state = state;
    this.state.textContent = t(`adding.${state}`, values);
    this.action.hidden = true;
    if (state === "indexing") this.bar.removeAttribute("value");
    else if (state === "queued") this.bar.value = 0;
    else if (state !== "sending") this.bar.remove();
  }

  sent(share) {
    this.bar.value = share;
    this.state.textContent = t("adding.sending.share", { percent: Math.round(share * 100) });
  }

  find(onShow) {
    this.say("findable");
    this.#offer(t("adding.show"), onShow);
  }

  reject(error) {
    this.say("rejected", { reason: new Failure(error.code, error).sentence });
  }

  fail(failure, onRetry) {
    this.say("failed", { reason: failure.sentence });
    this.#offer(t("retry"), () => {
      this.element.insertBefore(this.bar, this.state);
      this.say("queued");
      onRetry();
    });
  }

  #offer(label, onclick) {
    Object.assign(this.action, { textContent: label, onclick, hidden: false });
  }
}
