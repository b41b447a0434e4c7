/** The passport that the card belongs to, and what a new one means. */

import { el } from "../dom.js";
import { factsOf } from "../phone/facts.js";
import { facts, maskedPassport, notice } from "./parts.js";

/** @returns {object} The screen. */
export function passport(app, card) {
  const t = app.t.bind(app);
  const known = factsOf(card);
  const ends = known.passport.expires_at;
  return {
    title: "passport.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [
      el("section.panel", facts(
        [t("card.passport"), maskedPassport(known.passport)],
        [t("passport.expires"), ends && app.words.date(ends)],
      )),
      el("p", t("passport.linked")),
      el("h2", t("passport.new")),
      el("p", t("passport.new.do", { economy: app.words.economy(card.economy) })),
      notice("warn", t("passport.new.warn")),
    ],
  };
}
