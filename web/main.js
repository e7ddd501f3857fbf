/** Begins the page: its words, its settings, who asks, and then the page itself. */

import { Api } from "./api.js";
import { App } from "./app.js";
import { credentialsFor } from "./credentials.js";
import { byId, make } from "./dom.js";
import { Failure, failureOf } from "./failure.js";
import { readQuery } from "./query.js";
import { currentLanguage, loadStrings, switchLanguage, t } from "./strings.js";

const LANGUAGES = { en: "English", zh: "中文" };

await begin().catch((error) => {
  byId("notice").hidden = false;
  byId("notice").replaceChildren(make("p", { textContent: failureOf(error).sentence }));
});

async function begin() {
  const config = await settings();
  await loadStrings(config?.languages ?? Object.keys(LANGUAGES));
  offerLanguages(config?.languages ?? Object.keys(LANGUAGES));
  if (!config) throw new Failure("configuration_missing");
  const credentials = await credentialsFor(config);
  const app = new App(new Api(config.api, credentials), (failure) => askForCredentials(app, credentials, failure));
  if (credentials.kind === "cognito") offerSignOut(credentials);
  const headers = await credentials.headers();
  document.body.classList.add("ready");
  if (headers) await app.show(readQuery(location.search));
  else askForCredentials(app, credentials, null);
}

async function settings() {
  try {
    return await (await fetch("config.json", { cache: "no-store" })).json();
  } catch {
    return null;
  }
}

function offerLanguages(languages) {
  const select = byId("language");
  const isShown = (value) => value === currentLanguage();
  select.replaceChildren(
    ...languages.map((value) =>
      make("option", { value, lang: value, textContent: LANGUAGES[value] ?? value, selected: isShown(value) }),
    ),
  );
  select.onchange = () => switchLanguage(select.value);
}

function offerSignOut(credentials) {
  const button = byId("sign-out");
  button.hidden = false;
  button.onclick = () => credentials.signOut();
}

/** Ask for a key, or to sign in; `failure` says why what there was is not enough. */
function askForCredentials(app, credentials, failure) {
  credentials.refused();
  const section = byId("access");
  section.hidden = false;
  byId("access-why").textContent = failure ? failure.sentence : t(`access.${credentials.kind}`);
  byId("key-form").hidden = credentials.kind !== "key";
  byId("sign-in").hidden = credentials.kind !== "cognito";
  byId("sign-in").onclick = () => credentials.signIn();
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    credentials.accept(byId("key").value);
    byId("key").value = "";
    section.hidden = true;
    byId("text").focus();
    app.show(readQuery(location.search));
  };
  (credentials.kind === "key" ? byId("key") : byId("sign-in")).focus();
}
