/** The passport: its lines, typed or read by an imager; beside a card, what differs is marked. */

import { el } from "../dom.js";
import { actions, door, facts, field, form, notice, personName, submit } from "./parts.js";

const ROWS = { rows: "3", maxlength: "140", autocapitalize: "characters", class: "mrz", inputmode: "text" };

/** What people type for the filler, and what no passport prints. */
function tidy(text) {
  return text.toUpperCase().replace(/[«‹＜]/g, "<").split("\n").map((line) => line.replace(/\s/g, "")).filter(Boolean).join("\n");
}

/**
 * The lines of a passport, to be typed or read.
 *
 * @param {(mrz: string, source: HTMLElement) => void} onread Called with what was typed or read.
 * @param {Node[]} [more] Other buttons.
 */
export function mrzForm(app, onread, more = []) {
  const typed = field(app.t("passport.lines"), { id: "mrz", ...ROWS }, app.t("passport.lines.hint"), "textarea");
  const made = form((source) => typed.input.value.trim() && onread(tidy(typed.input.value), source),
    typed.row, actions(submit(app.t("passport.read")), ...more));
  app.onscan = (read) => read.mrz && onread(read.mrz, null);
  return { form: made, input: typed.input };
}

/** @returns {object} The screen on which a passport is read before the code, for the next traveller. */
export function passport(app) {
  const read = (mrz, source) => app.run(source, async () => {
    const found = await app.ask("POST", "passport", { mrz });
    if (found === null) return;
    app.held = { mrz, read: found };
    app.go("scan");
  });
  const lines = mrzForm(app, read, [door("#/scan", app.t("cancel"))]);
  return {
    title: app.t("passport.title"),
    look: "narrow",
    body: [el("p.lead", app.t("passport.lead")), lines.form],
    enter: () => {
      app.onscan = (found) => found.mrz && read(found.mrz, null);
      lines.input.focus();
    },
  };
}

/** @returns {HTMLElement} What was read of a passport, in the words of the card. */
export function readFacts(app, read) {
  return facts([app.t("person.name"), personName(read)], [app.t("person.passport"), `${read.country} ${read.number}`],
    [app.t("person.birthdate"), read.birthdate && app.words.shortDay(read.birthdate)]);
}

/** @returns {HTMLElement} A note on what was found when the numbers were compared. */
export function comparedNote(app, found) {
  const differing = Object.entries(found).filter(([, match]) => match === "differs").map(([name]) => app.t(`person.${name}`));
  if (differing.length) return notice("warn", app.t("compare.differs", { fields: app.words.list(differing) }));
  return notice("info", app.t("compare.same"));
}

