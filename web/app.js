/** The page as a whole: from the address to a search, and from what people do to another address. */

import { Chips } from "./chips.js";
import { byId, make, toggle } from "./dom.js";
import { Examples } from "./examples.js";
import { Failure, failureOf, isAbort } from "./failure.js";
import { Grid } from "./grid.js";
import { Looking } from "./looking.js";
import { Notices } from "./notices.js";
import { once } from "./once.js";
import {
  MOST_EXAMPLES,
  SORTS,
  countFilters,
  facetsOf,
  identityOf,
  isEmpty,
  queryOf,
  readQuery,
  withExample,
  withoutFilters,
  writeQuery,
} from "./query.js";
import { remember } from "./recent.js";
import { SearchBox } from "./searchbox.js";
import { Session, nameOf } from "./session.js";
import { Start } from "./start.js";
import { bytes, t } from "./strings.js";

const KEPT_SESSIONS = 8;
/** How far below the window, in pixels, the end of the pictures is when more are loaded. */
const AHEAD = 800;
const DETAILS = "imagesearch.details";
const PANEL = "imagesearch.panel";

/** The page of an API that answers; `onRefused` is told when it does not take the credentials. */
export class App {
  query = queryOf();
  session = null;
  #sessions = new Map();
  #health = null;
  #ends = new AbortController();
  #nearEnd = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && this.more(), {
    rootMargin: `${AHEAD}px`,
  });

  constructor(api, onRefused) {
    Object.assign(this, { api, onRefused });
    const on = {
      query: (query) => this.search(query),
      open: (hit) => this.tryTo(() => this.looking.open(hit)),
      like: (hit) => this.#add(hit, 1),
      unlike: (hit) => this.#add(hit, -1),
      renew: (hit) => this.examples.renewed(hit),
      part: (crop) => this.#searchPart(crop),
      own: (name) => this.tryTo(() => this.looking.own(this.examples.own(name))),
      text: (text) => this.#ask(text),
      pictures: (files) => this.#take(files),
      show: (picture) => this.#showAdded(picture),
      add: () => this.#openAdding(),
    };
    this.examples = new Examples(api);
    this.notices = new Notices();
    this.box = new SearchBox(on);
    this.chips = new Chips(api, this.examples, on);
    this.grid = new Grid(api, on);
    this.looking = new Looking(this, on);
    this.start = new Start(api, this.examples, on);
    this.filters = once(async () => new (await import("./filters.js")).Filters(on.query));
    this.adding = once(async () => new (await import("./adding.js")).Adding(api, on));
    this.#listen();
  }

  #listen() {
    addEventListener("popstate", () => this.#revisit());
    history.scrollRestoration = "manual";
    byId("open-adding").onclick = () => this.#openAdding();
    byId("more").onclick = () => this.more();
    byId("home").onclick = (event) => {
      event.preventDefault();
      this.search(queryOf());
    };
    const orders = SORTS.map((value) => make("option", { value, textContent: t(`sort.${value}`) }));
    byId("sort").replaceChildren(...orders);
    byId("sort").onchange = () => this.search({ ...this.query, sort: byId("sort").value });
    toggle(byId("details"), DETAILS, false, (isOn) => {
      document.body.classList.toggle("detailed", isOn);
      if (this.session?.hits.length) this.notices.found(this.session);
    });
    const isLarge = matchMedia("(min-width: 64rem)").matches;
    toggle(byId("open-panel"), PANEL, isLarge, (isOn) => (byId("panel").hidden = !isOn));
  }

  /** Search; the address says what for, so that it can be shared and gone back to. */
  search(query) {
    const address = location.pathname + writeQuery(query);
    if (address !== location.pathname + location.search) history.pushState({}, "", address);
    this.looking.end();
    const focus = document.activeElement;
    const isLost = focus === document.body || focus?.closest("#results, #start, #notice") !== null;
    const shown = this.show(query);
    if (isLost) byId("heading").focus();
    return shown;
  }

  /** Show what a query finds, as it was left where somebody goes `back`; what was under way for another ends. */
  async show(query, { back = false } = {}) {
    const last = this.session;
    if (last) last.scroll = scrollY;
    this.#ends.abort();
    this.#ends = new AbortController();
    this.#nearEnd.disconnect();
    last?.stop();
    this.query = query;
    this.notices.clear();
    this.notices.say(t("loading"), { busy: true });
    this.box.show(query.text);
    this.chips.show(query);
    byId("sort").value = query.sort;
    document.body.classList.toggle("searching", !isEmpty(query));
    byId("open-panel").dataset.count = countFilters(query) || "";
    await this.tryTo(() => (isEmpty(query) ? this.#showStart() : this.#showResults(query, { back, last })));
  }

  async #showStart() {
    this.session = null;
    this.grid.clear();
    byId("end").textContent = "";
    byId("more").hidden = true;
    const { signal } = this.#ends;
    const { pictures } = await this.#known({ anew: true });
    await this.start.show(pictures, { signal, progress: this.notices.progress });
    if (!signal.aborted) this.notices.say("");
  }

  /** Return what the API says of itself, asked once unless `anew`. */
  async #known({ anew = false } = {}) {
    if (!this.#health || anew) {
      const { signal } = this.#ends;
      this.#health = await this.api.ask("GET", "health", { signal, progress: this.notices.progress });
    }
    return this.#health;
  }

  async #showResults(query, { back, last }) {
    this.start.hide();
    const { signal } = this.#ends;
    const { attributes } = await this.#known();
    signal.throwIfAborted();
    const kept = this.#keptFor(query, { back, last });
    const session = kept ?? new Session(this.api, query, facetsOf(attributes));
    this.session = session;
    session.query = query;
    scrollTo(0, 0);
    if (!kept) {
      this.grid.clear();
      await session.more(this.notices.progress);
      signal.throwIfAborted();
    }
    this.#keep(session);
    this.#draw();
    // What was shown is remembered, also where somebody leaves it before the rest of the page is there.
    const remembered = this.#labelOf(query).then((label) => remember(query, label));
    const filters = await this.filters();
    signal.throwIfAborted();
    filters.show(query, session.facets, attributes);
    this.looking.load().catch(() => null); // asked for again when it is needed
    if (back) scrollTo(0, session.scroll);
    await remembered;
    if (query.view && !signal.aborted) await this.looking.at(query.view);
  }

  /** Return the session that still holds what a query finds; another order of it needs no other answer. */
  #keptFor(query, { back, last }) {
    const known = this.#sessions.get(sessionName(query));
    return back || (known && known === last && known.query.sort !== query.sort) ? known : undefined;
  }

  /** Keep the last few searches, so that going back shows at once what was there. */
  #keep(session) {
    const name = sessionName(session.query);
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    if (this.#sessions.size > KEPT_SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value);
  }

  #draw() {
    const { session } = this;
    const isRanked = session.query.sort === "relevance";
    for (const hit of session.hits) this.examples.see(hit);
    this.grid.show(session.sorted, { whole: session.ended || !isRanked });
    this.notices.found(session);
    if (!session.hits.length) this.#tellNothing();
    // Watched anew, the end is told of even where it has not moved.
    if (!session.ended && isRanked) this.#nearEnd.observe(byId("end"));
    requestAnimationFrame(() => setTimeout(() => performance.mark("imagesearch:drawn")));
  }

  #tellNothing() {
    const { query } = this;
    const actions = {};
    if (countFilters(query)) actions[t("filters.clear")] = () => this.search(withoutFilters(query));
    if (query.cut !== "none") actions[t("cut.clear")] = () => this.search({ ...query, cut: "none" });
    this.notices.notify(t(this.#health.pictures === 0 ? "start.first" : "nothing"), actions);
  }

  /** Show the next page below, or among the others where they are sorted. */
  async more() {
    const { session } = this;
    const { signal } = this.#ends;
    this.#nearEnd.disconnect();
    this.notices.clear();
    const load = async () => {
      await session.more(this.notices.progress);
      signal.throwIfAborted();
      this.#draw();
      this.looking.goOn();
    };
    await this.tryTo(load, { again: () => this.more(), label: t("retry.more") });
  }

  #openAdding() {
    return this.tryTo(async () => (await this.adding()).open());
  }

  #ask(text) {
    const query = { ...this.query, text, view: "" };
    return this.search(isEmpty(query) ? queryOf() : query);
  }

  #add(hit, sign) {
    this.examples.see(hit);
    return this.#withRoom(1, () => this.search(withExample(this.query, { sign, kind: "id", name: hit.id })));
  }

  #withRoom(count, then) {
    if (this.query.examples.length + count <= MOST_EXAMPLES) return then();
    this.looking.end();
    return this.notices.warn(new Failure("too_many_examples"));
  }

  /** Search by pictures of one's own, together with what is looked for already. */
  #take(files) {
    const { signal } = this.#ends;
    const search = async () => {
      const size = files.reduce((sum, file) => sum + file.size, 0);
      this.notices.clear();
      this.notices.say(t("uploading", { count: files.length, size: bytes(size) }), { busy: true });
      const examples = [];
      for (const file of files) {
        examples.push(await this.examples.upload(file, { signal, progress: this.notices.progress }));
      }
      signal.throwIfAborted();
      await this.search({ ...this.query, examples: [...this.query.examples, ...examples], view: "" });
    };
    return this.#withRoom(files.length, () => this.tryTo(search, { again: () => this.#take(files) }));
  }

  async #searchPart(crop) {
    const { signal } = this.#ends;
    const example = await this.examples.upload(crop, { signal });
    signal.throwIfAborted();
    await this.search(queryOf({ filters: this.query.filters, examples: [example] }));
  }

  #showAdded(picture) {
    this.examples.see(picture);
    this.#sessions.clear();
    return this.search(queryOf({ examples: [{ sign: 1, kind: "id", name: picture.id, weight: 1 }] }));
  }

  /** Show what the address says now that somebody went back or forth. */
  #revisit() {
    const query = readQuery(location.search);
    if (identityOf(query) === identityOf(this.query)) return this.tryTo(() => this.looking.at(query.view));
    this.looking.end();
    return this.show(query, { back: true });
  }

  async #labelOf(query) {
    const words = query.text.trim() ? [query.text.trim()] : [];
    for (const { sign, name } of query.examples.filter((each) => each.kind === "id")) {
      const picture = await this.examples.indexed(name);
      const called = picture ? nameOf(picture) : t("picture.unknown");
      words.push(t(sign > 0 ? "like.named" : "unlike.named", { name: called }));
    }
    return words.join(", ");
  }

  /** Do something; what goes wrong is told, with what can be done: by itself, to show everything `again`. */
  async tryTo(action, { again = () => this.show(this.query), label } = {}) {
    try {
      await action();
    } catch (error) {
      if (!isAbort(error)) this.#fail(failureOf(error), again, label);
    }
  }

  #fail(failure, again, label) {
    if (failure.code === "key_missing" || failure.status === 401) {
      this.notices.say("");
      this.onRefused(failure);
    } else if (failure.code.startsWith("cursor_")) this.notices.warn(failure, () => this.show(this.query));
    else this.notices.warn(failure, again, label);
  }
}

/** Return what tells searches apart, in whichever order their pictures are shown. */
const sessionName = (query) => identityOf({ ...query, sort: "relevance" });
