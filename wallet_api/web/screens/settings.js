/** Language, and what this phone keeps. */

import { el } from "../dom.js";
import { loadWords } from "../texts.js";
import { LANGUAGES } from "../words.js";
import { choice } from "./parts.js";

/** @returns {Promise<object>} The screen. */
export async function settings(app) {
  const t = app.t.bind(app);
  const language = choice(t("settings.language"), "language", Object.entries(LANGUAGES), app.words.language);
  language.input.addEventListener("change", () => app.run(language.input, async () => {
    app.words = await loadWords(language.input.value);
    await app.store.putSetting("language", language.input.value);
    await app.render();
  }));
  const isKept = await navigator.storage?.persisted?.();
  return {
    title: "settings.title",
    back: { to: "#/", label: t("back") },
    body: [
      el("div.actions.field-only", language.row),
      el("h2", t("settings.kept")),
      el("p", t(isKept ? "settings.kept.yes" : "settings.kept.no")),
      el("p.hint", t("settings.time", { time: app.words.clock(app.clock.now()) })),
    ],
  };
}
