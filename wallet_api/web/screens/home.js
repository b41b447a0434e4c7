/** The card at home: whose it is, until when, and what can be done with it.  It never says that the card is good. */

import { el, plain } from "../dom.js";
import { endsWithin, factsOf } from "../phone/facts.js";
import { STEP, claimsOf } from "../phone/wallet.js";
import { actions, button, door, facts, maskedPassport, notice, personName, sign } from "./parts.js";
import { reminders } from "./trip.js";

const DOORS = ["economies", "trip", "passport", "devices", "activity"];
const FREE_DOORS = ["share", "settings", "help"];

/** @returns {Promise<object>} The screen of one card. */
export async function home(app, card) {
  const t = app.t.bind(app);
  const known = factsOf(card);
  const several = (await app.wallet.cards()).length > 1;
  return {
    title: "home.title",
    back: several && { to: "#/cards", label: t("cards.title") },
    look: "home",
    body: [
      ...stops(app, known),
      face(app, card, known),
      actions(door(app.to("show", card), t("home.show"), known.state === "valid" ? "main" : "plain")),
      ...notices(app, card, known),
      el("nav", { "aria-label": t("home.more") }, el("ul.doors",
        ...DOORS.map((name) => rowTo(app.to(name, card), t(`${name}.title`))),
        ...FREE_DOORS.map((name) => rowTo(`#/${name}`, t(`${name}.title`))))),
      updated(app, known),
      actions(door("#/start", t("home.add")), known.state === "valid" && door(app.to("suspend", card), t("suspend.link"), "danger")),
    ],
  };
}

/** @returns {Promise<object>} The screen of several cards. */
export async function cards(app) {
  const t = app.t.bind(app);
  const all = await app.wallet.cards();
  return {
    title: "cards.title",
    body: [
      el("ul.doors", ...all.map((card) => rowTo(app.to("card", card), plain(app.words.economy(card.economy)), note(app, card)))),
      actions(door("#/start", t("home.add"))),
    ],
  };
}

function note(app, card) {
  if (card.step === STEP.ENDED) return app.t("cards.ended");
  if (card.step !== STEP.HELD) return app.t("cards.begun");
  return personName(factsOf(card).holder);
}

function face(app, card, { holder, passport, expiresAt }) {
  const t = app.t.bind(app);
  return el("section.card", { "aria-label": t("home.face") },
    el("p.card-top", el("span", t("card.kind")), el("strong", plain(app.words.economy(card.economy)))),
    el("p.card-name", personName(holder)),
    facts([t("card.passport"), maskedPassport(passport)], [t("card.expires"), app.words.lastDay(expiresAt)]));
}

/** What makes the code of no use stands above it. */
function stops(app, known) {
  const t = app.t.bind(app);
  const found = [];
  if (known.state === "suspended") found.push(notice("stop", el("p", el("strong", t("home.suspended"))), t("home.suspended.do")));
  if (endsWithin(known.expiresAt, app.clock.now()) === 0) {
    found.push(notice("stop", el("p", el("strong", t("home.expired", { date: app.words.lastDay(known.expiresAt) }))), t("home.expired.do")));
  }
  return found;
}

/** What is good to know stands below the code, which is what a holder at a border comes for. */
function notices(app, card, known) {
  const t = app.t.bind(app);
  const found = [];
  if (card.signedOut) found.push(notice("warn", el("p", el("strong", t("home.signed_out"))), t("home.signed_out.do")));
  if (endsWithin(known.expiresAt, app.clock.now())) found.push(notice("warn", t("home.expires", { date: app.words.lastDay(known.expiresAt) })));
  found.push(...reminders(app, card, known));
  if (app.isOffline) found.push(notice("info", t("home.offline", { date: app.words.date(known.asOf) })));
  if (card.news?.length) found.push(news(app, card, known));
  if (card.isNumberNew) found.push(number(app, card));
  return found;
}

/** Without its number nobody suspends a card whose phone is lost, and then it is too late to look. */
function number(app, card) {
  const t = app.t.bind(app);
  const noted = button(t("home.news.read"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.noteNumber(card);
    await app.render();
  }), "plain");
  const title = t("home.note", { number: plain(claimsOf(card.text).document_number) });
  return notice("info", el("p", el("strong", title)), t("devices.note"), noted);
}

function news(app, card, { economies }) {
  const t = app.t.bind(app);
  const lines = economies.filter(({ code }) => card.news.includes(code)).map(({ code, state }) =>
    el("li", t("home.news.line", { economy: app.words.economy(code), state: t(`state.${state}`) })));
  const read = button(t("home.news.read"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.readNews(card);
    await app.render();
  }), "plain");
  return notice("info", el("p", el("strong", t("home.news"))), el("ul", ...lines), read);
}

function updated(app, { asOf }) {
  const t = app.t.bind(app);
  const again = button(t("home.update"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.update();
    await app.render();
  }), "quiet");
  return el("p.updated", el("span", t("home.updated", { time: app.words.time(asOf) })), again);
}

function rowTo(href, label, more) {
  return el("li", el("a", { href }, el("span", label, more && el("small", more)), sign("next")));
}
