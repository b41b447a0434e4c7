/** How this device is used: language, sound, camera, imager. */

import { el } from "../dom.js";
import { actions, button, choice, door } from "./parts.js";
import { languageChoice } from "./shift.js";

const LOOKS = ["accepted", "genuine", "by_hand", "refused", "not_live"];

/** @returns {HTMLElement} The five sounds, to be known before they are needed. */
export function soundButtons(app) {
  return el("div.sounds", ...LOOKS.map((look) => button(app.t(`look.${look}`), () => app.sounds.play(look), "plain")));
}

/** @returns {object} The screen. */
export function settings(app) {
  const kept = app.settings;
  const on = (name, label, hint, value = kept.get(name)) => {
    const input = el("input", {
      type: "checkbox", id: name, checked: value, "aria-describedby": `${name}-hint`,
      onchange: ({ target }) => kept.put({ [name]: target.checked }),
    });
    return el("div.check", input, el("label", { for: name }, label), el("p.hint", { id: `${name}-hint` }, hint));
  };
  const imager = choice(app.t("settings.imager"), "imager", ["none", "keyboard"].map((each) => [each, app.t(`settings.imager.${each}`)]), kept.get("imager"));
  const end = choice(app.t("settings.end"), "end", ["Enter", "Tab"].map((each) => [each, app.t(`settings.end.${each}`)]), kept.get("end"));
  imager.input.addEventListener("change", () => kept.put({ imager: imager.input.value }));
  end.input.addEventListener("change", () => kept.put({ end: end.input.value }));
  const volume = el("div.field", el("label", { for: "volume" }, app.t("sound.volume")), el("input", {
    type: "range", id: "volume", min: "0", max: "1", step: "0.05", value: String(kept.get("volume")),
    oninput: ({ target }) => kept.put({ volume: Number(target.value) }),
  }));
  return {
    title: app.t("settings.title"),
    look: "narrow",
    body: [
      languageChoice(app),
      el("h2", app.t("settings.sound")), volume, on("muted", app.t("sound.mute"), app.t("settings.mute.hint")),
      el("p.hint", app.t("settings.listen")), soundButtons(app),
      el("h2", app.t("settings.reading")), on("camera", app.t("settings.camera"), app.t("settings.camera.hint")),
      imager.row, end.row, el("p.hint", app.t("settings.imager.hint")),
      actions(door("#/selftest", app.t("selftest.title")), door("#/scan", app.t("scan.go"), "main")),
    ],
  };
}
