/** Looking at one picture after another: the viewer, and the part of the address that names the picture. */

import { Failure } from "./failure.js";
import { readQuery, writeQuery } from "./query.js";
import { once } from "./once.js";

/** What `app` has found, looked at one by one; the viewer is loaded when somebody does. */
export class Looking {
  #viewer = null;
  #stepOn = null;

  constructor(app, { like, unlike, renew, part }) {
    this.app = app;
    const [step, closed] = [(way) => this.#step(way), (picture) => this.#closed(picture)];
    this.load = once(async () => {
      const { Viewer } = await import("./viewer.js");
      this.#viewer = new Viewer(app.api, { like, unlike, renew, part, step, closed });
      return this.#viewer;
    });
  }

  /** Open a picture that was found; going back closes it. */
  open(hit) {
    history.pushState({ isOpened: true }, "", location.pathname + writeQuery({ ...this.app.query, view: hit.id }));
    return this.at(hit.id);
  }

  /** Look at the picture of this id: among what was found, or by itself; at none, where it is empty. */
  async at(id) {
    const { app } = this;
    app.query = { ...app.query, view: id };
    if (!id) {
      this.end();
      return;
    }
    const hits = app.session?.sorted ?? [];
    const place = hits.findIndex((hit) => hit.id === id);
    const picture = hits[place] ?? (await app.examples.indexed(id));
    if (!picture) throw new Failure("image_unknown");
    const viewer = await this.load();
    if (app.query.view !== id) return;
    const after = place >= 0 && (place + 1 < hits.length || !app.session.ended);
    viewer.show(picture, { before: place > 0, after });
  }

  /** Look at a picture of one's own. */
  async own(blob) {
    const bitmap = await createImageBitmap(blob).catch(() => null);
    if (!bitmap) throw new Failure("picture_unreadable");
    const { width, height } = bitmap;
    const viewer = await this.load();
    viewer.show({ blob, url: URL.createObjectURL(blob), width, height }, { before: false, after: false });
  }

  /** Look at nothing any more. */
  end() {
    this.#viewer?.close();
  }

  /** Go on to what was just loaded, if somebody waits for it. */
  goOn() {
    this.#stepOn?.();
  }

  /** Look at the next or the last picture; beyond what is loaded, at the first of what comes. */
  #step(step) {
    const { query, session } = this.app;
    const hits = session.sorted;
    const next = hits[hits.findIndex((hit) => hit.id === query.view) + step];
    this.#stepOn = null;
    if (next) {
      history.replaceState(history.state, "", location.pathname + writeQuery({ ...query, view: next.id }));
      this.app.tryTo(() => this.at(next.id));
    } else if (step > 0 && !session.ended) {
      this.#stepOn = () => this.#step(step);
      this.app.more();
    }
  }

  /** Return to where the picture was opened; whoever searched on from it is elsewhere already. */
  #closed(picture) {
    this.app.query = { ...this.app.query, view: "" };
    this.#stepOn = null;
    if (!readQuery(location.search).view) return;
    if (history.state?.isOpened) history.back();
    else history.replaceState({}, "", location.pathname + writeQuery(this.app.query));
    this.app.grid.focus(picture.id);
  }
}
