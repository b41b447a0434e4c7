/** Where the card is cleared: one row for each economy, in words, with the age of what is known. */

import { el } from "../dom.js";
import { factsOf, mayStay } from "../phone/facts.js";
import { door, sign } from "./parts.js";

/** The sign beside each word. */
export const STATE_SIGNS = {
  cleared: "yes", waiting: "wait", not_cleared: "no", withdrawn: "no", suspended: "pause", not_needed: "none",
  not_available: "none",
};

/** @returns {object} The screen. */
export function economies(app, card) {
  const t = app.t.bind(app);
  const { economies: rows, asOf } = factsOf(card);
  const order = app.words.economies();
  const sorted = [...rows].sort((one, other) => order.indexOf(one.code) - order.indexOf(other.code));
  return {
    title: "economies.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [
      el("p.lead", t("economies.as_of", { date: app.words.time(asOf), age: app.words.age(asOf, app.clock.now()) })),
      el("ul.economies", ...sorted.map((each) => row(app, each))),
      el("p.hint", t("economies.note")),
      door(app.to("trip", card), t("trip.title")),
    ],
  };
}

function row(app, each) {
  const t = app.t.bind(app);
  const { code, state, since, lane, stay } = each;
  const name = app.words.economy(code);
  const known = [
    since && t("economies.since_age", { date: app.words.date(since), age: app.words.age(since, app.clock.now()) }),
    lane !== null && t(lane ? "economies.lane" : "economies.no_lane"),
    mayStay(each) && t("economies.stay", { stay: app.words.span(stay) }),
  ].filter(Boolean);
  return el("li",
    el("div.economy", el("strong", name), el(`span.state.state-${STATE_SIGNS[state] ?? "unknown"}`,
      sign(STATE_SIGNS[state] ?? "unknown"), t(`state.${Object.hasOwn(STATE_SIGNS, state) ? state : "unknown"}`))),
    known.length > 0 && el("p.known", known.join(" · ")),
    state === "not_cleared" && el("p.known", t("economies.no_reason", { economy: name })));
}
