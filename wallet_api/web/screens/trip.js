/** A trip compared with the card, point by point.  It informs; the officer at the border decides. */

import { el, plain } from "../dom.js";
import { checkTrip, factsOf } from "../phone/facts.js";
import { actions, choice, field, form, notice, sign, submit } from "./parts.js";

const LOOKS = { yes: "info", no: "stop", unknown: "warn" };

/** @returns {object} The screen. */
export function trip(app, card) {
  const t = app.t.bind(app);
  const known = factsOf(card);
  const today = new Date(app.clock.now()).toISOString().slice(0, 10);
  const names = app.words.economies().filter((code) => code !== card.economy).map((code) => [code, app.words.economy(code)]);
  const where = choice(t("trip.where"), "where", names, names[0][0]);
  const when = field(t("trip.when"), { id: "when", type: "date", min: today, value: today, required: true });
  const result = el("section.result", { "aria-live": "polite" });
  const check = () => {
    if (!when.input.value) return when.input.focus();
    return result.replaceChildren(...answer(app, card, known, where.input.value, when.input.value));
  };
  return {
    title: "trip.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [el("p.lead", t("trip.lead")), form(check, where.row, when.row, actions(submit(t("trip.check")))), result],
  };
}

function answer(app, card, known, code, day) {
  const t = app.t.bind(app);
  const { answer: whole, points } = checkTrip(known, code, day);
  const economy = app.words.economy(code);
  const row = known.economies.find((each) => each.code === code);
  const source = row?.rules_source ? plain(row.rules_source) : app.words.economy(card.economy);
  return [
    el("h2", t("trip.result", { economy, date: app.words.date(day) })),
    notice(LOOKS[whole], el("p", el("strong", t(`trip.${whole}`, { economy })))),
    el("ul.points", ...points.map((each) => point(app, each))),
    el("p.hint", t("trip.source", { source, date: app.words.time(known.asOf) })),
  ];
}

function point(app, { name, answer: found, value }) {
  const t = app.t.bind(app);
  return el("li", sign(found),
    el("div", el("strong", t(`trip.${name}`)), name !== "stay" && el("span", t(`trip.answer.${found}`)), detail(app, value)));
}

function detail(app, { state, since, until, ends, days }) {
  const t = app.t.bind(app);
  const parts = [
    ends && t("trip.until", { date: app.words.lastDay(ends) }),
    state && t(`state.${state}`),
    since && t("economies.since", { date: app.words.date(since) }),
    until && t("trip.until", { date: app.words.date(until) }),
    days && app.words.days(days),
  ].filter(Boolean);
  return parts.length > 0 && el("p.known", parts.join(" · "));
}
