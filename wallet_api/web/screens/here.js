/** Moving a card here from another phone: what to do there, and what without it. */

import { el } from "../dom.js";
import { actions, door, notice } from "./parts.js";

/** @returns {object} The screen. */
export function here(app) {
  const t = app.t.bind(app);
  return {
    title: "here.title",
    back: { to: "#/start", label: t("back") },
    body: [
      el("p.lead", t("devices.move.text")),
      el("ol.steps", ...[1, 2, 3].map((step) => el("li", t(`here.step${step}`)))),
      notice("info", el("p", el("strong", t("here.without"))), t("here.without.do")),
      actions(door("#/lost", t("start.lost"))),
    ],
  };
}
