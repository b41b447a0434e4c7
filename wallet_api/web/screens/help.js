/** Answers to what holders ask, in plain words. */

import { el } from "../dom.js";
import { actions, door } from "./parts.js";

const QUESTIONS = ["border", "offline", "clock", "picture", "answer", "phone", "gone", "passport", "lost"];

/** @returns {object} The screen. */
export function help(app) {
  const t = app.t.bind(app);
  return {
    title: "help.title",
    back: { to: "#/", label: t("back") },
    body: [
      ...QUESTIONS.map((each) => el("details", el("summary", t(`help.${each}`)), el("p", t(`help.${each}.text`)))),
      actions(door("#/settings", t("settings.title")), door("#/lost", t("start.lost"))),
    ],
  };
}
