/** The pictures that a query is by: what is known of them, for their chips. */

const KEPT_AS = "imagesearch.preview.";

/** Remembers indexed pictures that were seen, and pictures of one's own. */
export class Examples {
  #seen = new Map();
  #own = new Map();

  constructor(api) {
    this.api = api;
  }

  /** Remember an indexed picture as an answer showed it. */
  see(picture) {
    this.#seen.set(picture.id, picture);
  }

  /** Return an indexed picture, asking the API for one that was never seen; null if there is none. */
  async indexed(id) {
    if (!this.#seen.has(id)) {
      const picture = await this.api.ask("GET", `images/${id}`).catch(() => null);
      if (picture) this.see(picture);
    }
    return this.#seen.get(id) ?? null;
  }

  /** Return an indexed picture with links that work again; null if there are none. */
  async renewed(picture) {
    const { url, thumbnail_url } = await this.api.ask("GET", `images/${picture.id}`).catch(() => ({}));
    return url ? Object.assign(picture, { url, thumbnail_url }) : null;
  }

  /** Upload a picture of one's own; return the example of it. */
  async upload(blob, options) {
    const { previewOf, uploadForQuery } = await import("./pictures.js");
    const name = await uploadForQuery(this.api, blob, options);
    this.#own.set(name, blob);
    const preview = await previewOf(blob);
    if (preview) sessionStorage.setItem(KEPT_AS + name, preview);
    return { sign: 1, kind: "upload", name, weight: 1 };
  }

  /** Return an own picture's bytes, which are there until the page is loaded anew. */
  own = (name) => this.#own.get(name);

  /** Return a small copy of an own picture as an address, or null. */
  preview = (name) => sessionStorage.getItem(KEPT_AS + name);
}
