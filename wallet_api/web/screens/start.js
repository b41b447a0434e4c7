/** The first screen: how a card comes onto this phone. */

import { el } from "../dom.js";
import { actions, door, field, form, notice, submit } from "./parts.js";
import { languageChoice } from "./settings.js";

/** Kept outside the database, so that a page can tell cleared storage from a phone that never had a card. */
const HAD = "abtc-had-card";

/** Remember that there was a card here; a browser that clears everything forgets this as well. */
export function rememberCard() {
  try {
    localStorage.setItem(HAD, "yes");
  } catch {
    // A browser that keeps nothing has said so before.
  }
}

/** There is no card here any more, by the holder's own wish. */
export function forgetCard() {
  localStorage.removeItem(HAD);
}

/** @returns {Promise<object>} The screen; `error` says why a link that was opened did not do. */
export async function start(app, error) {
  const t = app.t.bind(app);
  const held = await app.wallet.cards();
  const link = field(t("start.link"), {
    id: "link", type: "text", inputmode: "url", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
  }, t("start.link.hint"));
  const next = submit(t("start.continue"));
  const open = (source) => app.run(source, async () => {
    app.goOn(await app.wallet.begin(link.input.value), { instead: false });
  });
  return {
    title: "start.title",
    back: held.length > 0 && { to: "#/", label: t("home.back") },
    body: [
      error && app.problem(error),
      held.length === 0 && wasCleared() && notice("warn", el("p", el("strong", t("cleared.title"))), t("cleared.text")),
      el("p.lead", t("start.lead")),
      el("ol.steps", ...[1, 2, 3].map((step) => el("li", t(`start.step${step}`)))),
      form(open, link.row, actions(next)),
      el("section.aside", el("h2", t("start.other")),
        actions(door("#/here", t("here.title")), door("#/counter", t("start.counter")), door("#/lost", t("start.lost"))),
        languageChoice(app)),
      canInstall() && notice("info", t("start.install")),
    ],
  };
}

function wasCleared() {
  try {
    return localStorage.getItem(HAD) !== null;
  } catch {
    return false;
  }
}

/** Installed pages are cleared less readily. */
function canInstall() {
  return !matchMedia("(display-mode: standalone)").matches;
}
