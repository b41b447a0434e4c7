/** A trip compared with the card, point by point, and kept if wished.  It informs; the officer at the border decides. */

import { el, plain } from "../dom.js";
import { checkTrip, factsOf, tripsOf } from "../phone/facts.js";
import { actions, button, choice, field, form, notice, sign, submit } from "./parts.js";

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
  const list = el("section");
  const save = (asked) => async () => relist(await app.wallet.saveTrip(card, asked));
  const show = (asked) => result.replaceChildren(...answer(app, card, known, asked), actions(act(app, "trip.save", save(asked))));
  const check = () => {
    if (!when.input.value) return when.input.focus();
    return show({ code: where.input.value, day: when.input.value });
  };
  const again = ({ code, day }) => {
    where.input.value = code;
    when.input.value = day;
    show({ code, day });
    result.scrollIntoView();
  };
  const relist = (changed) => list.replaceChildren(...saved(app, changed, known, again, async (each) => {
    relist(await app.wallet.dropTrip(card, each));
  }));
  relist(card);
  return {
    title: "trip.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [
      el("p.lead", t("trip.lead")), form(check, where.row, when.row, actions(submit(t("trip.check")))), result, list,
    ],
  };
}

function answer(app, card, known, asked) {
  const t = app.t.bind(app);
  const { answer: whole, points } = checkTrip(known, asked.code, asked.day);
  const economy = app.words.economy(asked.code);
  return [
    el("h2", t("trip.result", { economy, date: app.words.date(asked.day) })),
    notice(LOOKS[whole], el("p", el("strong", verdict(app, asked.code, { answer: whole, points })))),
    el("ul.points", ...points.map((each) => point(app, each))),
    el("p.hint", t("trip.source", { source: app.words.economy(card.economy), date: app.words.time(known.asOf) })),
  ];
}

function act(app, label, work, kind = "plain") {
  return button(app.t(label), ({ currentTarget }) => app.run(currentTarget, work), kind);
}

/** @returns {string} What a comparison comes to, in a sentence. */
function verdict(app, code, { answer: whole, points }) {
  const isFree = points.some(({ name, value }) => name === "clearance" && value.state === "not_needed");
  return app.t(whole === "yes" && isFree ? "trip.free" : `trip.${whole}`, { economy: app.words.economy(code) });
}

function point(app, { name, answer: found, value, source }) {
  const t = app.t.bind(app);
  return el("li", sign(found),
    el("div", el("strong", t(`trip.${name}`)), (name !== "stay" || found !== "yes") && el("span", t(`trip.answer.${found}`)), detail(app, value),
      source && el("p.known", from(app, source))));
}

function from(app, { name, since }) {
  const t = app.t.bind(app);
  return [t("trip.from", { source: plain(name) }), since && t("economies.since", { date: app.words.date(since) })]
    .filter(Boolean).join(" · ");
}

function detail(app, { state, since, until, ends, stay }) {
  const t = app.t.bind(app);
  const parts = [
    ends && t("trip.until", { date: app.words.lastDay(ends) }),
    state && t(`state.${state}`),
    since && t("economies.since", { date: app.words.date(since) }),
    stay && app.words.span(stay),
    until && t("trip.until", { date: app.words.date(until) }),
  ].filter(Boolean);
  return parts.length > 0 && el("p.known", parts.join(" · "));
}

function saved(app, card, known, again, drop) {
  const t = app.t.bind(app);
  const trips = tripsOf(card, known, app.clock.now());
  if (trips.length === 0) return [];
  const row = (each) => el("li",
    el("div.trip-line", sign(each.answer), el("div", el("strong", nameOf(app, each)), el("span.known", verdict(app, each.code, each)))),
    el("div.trip-acts", button(t("trip.check"), () => again(each), "quiet"), act(app, "trip.drop", () => drop(each), "quiet")));
  return [el("h2", t("trip.saved")), el("p.hint", t("trip.saved.text")), el("ul.rows", ...trips.map(row))];
}

function nameOf(app, { code, day }) {
  return app.t("trip.result", { economy: app.words.economy(code), date: app.words.date(day) });
}

/**
 * @param {object} app With words.
 * @param {object} card Whose saved trips.
 * @param {object} known Of `factsOf`.
 * @returns {HTMLElement[]} What stands in the way of saved trips, a notice each; nothing about those that are well.
 */
export function reminders(app, card, known) {
  const t = app.t.bind(app);
  return tripsOf(card, known, app.clock.now()).filter(({ answer: whole }) => whole === "no").map((each) => {
    const isShort = each.points.some(({ name, answer: found }) => name === "passport" && found === "no");
    return notice("warn", el("p", el("strong", nameOf(app, each))), isShort ? t("trip.short") : verdict(app, each.code, each),
      el("a", { href: app.to("trip", card) }, t("trip.title")));
  });
}
