/** The start of a shift: who, where, and which way travellers go. */

import { el } from "../dom.js";
import { actions, choice, field, form, segments, submit } from "./parts.js";
import { LANGUAGES } from "../words.js";

/** @returns {HTMLElement} The choice of a language, which is at once the page's. */
export function languageChoice(app) {
  const there = Object.entries(LANGUAGES).filter(([tag]) => app.state?.languages?.includes(tag) ?? tag === "en");
  const { row, input } = choice(app.t("language"), "language", there, app.words.language);
  input.addEventListener("change", () => app.run(null, () => app.setLanguage(input.value)));
  return row;
}

/** @returns {object} The screen. */
export function shift(app) {
  const { state, settings } = app;
  const officer = field(app.t("shift.officer"), {
    id: "officer", value: settings.get("officer"), maxlength: "32", required: true, autocapitalize: "none",
  });
  const pin = state.pin_needed && field(app.t("shift.pin"), {
    id: "pin", type: "password", inputmode: "numeric", maxlength: "64", required: true,
  });
  const lane = field(app.t("shift.lane"), { id: "lane", value: settings.get("lane"), maxlength: "16", required: true }, app.t("shift.lane.hint"));
  const ways = segments(app.t("shift.direction"), "direction",
    ["entry", "exit"].map((way) => [way, app.t(`direction.${way}`)]), settings.get("direction"));
  const missing = el("p.wrong", { role: "alert", hidden: true }, app.t("shift.missing"));
  const begin = (source, data) => {
    const wanted = { officer: data.get("officer").trim(), lane: data.get("lane").trim(), direction: data.get("direction") };
    const empty = [officer, pin, lane].find((each) => each && each.input.value.trim() === "");
    missing.hidden = !empty;
    if (empty) return empty.input.focus();
    return app.run(source, async () => {
      const told = await app.ask("POST", "shift", { ...wanted, ...(pin ? { pin: pin.input.value } : {}) });
      if (!told) return;
      settings.put(wanted);
      location.hash = "#/scan";
      app.take(told);
      await app.followOfficer();
    });
  };
  return {
    title: app.t("shift.title"),
    look: "narrow",
    body: [
      el("p.lead", app.t("shift.lead", { economy: app.words.economy(state.economy) })),
      form(begin, officer.row, pin && pin.row, lane.row, ways, missing, actions(submit(app.t("shift.begin")))),
      el("div.aside", languageChoice(app), el("p.hint", app.t("version", { version: state.version }))),
    ],
    enter: () => (officer.input.value ? (pin || lane).input : officer.input).focus(),
  };
}
