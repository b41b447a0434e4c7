/** Language, and what this phone keeps. */

import { el } from "../dom.js";
import { loadWords } from "../texts.js";
import { LANGUAGES } from "../words.js";
import { choice } from "./parts.js";

/** @returns {HTMLElement} Where the language is chosen; each is named in its own words. */
export function languageChoice(app) {
  const language = choice(app.t("settings.language"), "language", Object.entries(LANGUAGES), app.words.language);
  language.input.addEventListener("change", () => app.run(language.input, async () => {
    app.words = await loadWords(language.input.value);
    await app.store.putSetting("language", language.input.value);
    await app.render();
  }));
  return el("div.actions", language.row);
}

/** @returns {Promise<object>} The screen. */
export async function settings(app) {
  const t = app.t.bind(app);
  const isKept = await navigator.storage?.persisted?.();
  return {
    title: "settings.title",
    back: { to: "#/", label: t("back") },
    body: [
      languageChoice(app),
      el("h2", t("settings.kept")),
      el("p", t(isKept ? "settings.kept.yes" : "settings.kept.no")),
      el("p.hint", t("settings.time", { time: app.words.clock(app.clock.now()) })),
    ],
  };
}
