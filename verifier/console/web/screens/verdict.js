/** Step B of an answer: the verdict, and what follows from it. */

import { el, plain } from "../dom.js";
import { Expiry } from "../expiry.js";
import { shape } from "../looks.js";
import { person } from "./compare.js";
import { button, notice, sign } from "./parts.js";
import { comparedNote, readFacts } from "./passport.js";

const LANES = { yes: "yes", no: "no", unknown: "unknown" };
const ENTRIES = { visa_free: "yes", not_by_this_card: "no", cannot_tell: "unknown" };
const STATES = { passed: "yes", failed: "no", doubt: "warn", not_reached: "none", not_asked: "none" };

/** @returns {object} The screen. */
export function verdict(app) {
  const { result } = app;
  const { answer } = result;
  const left = countdown(app);
  const who = el("div.who");
  const tell = () => who.replaceChildren(...personal(app, result));
  tell();
  const expiry = new Expiry({
    stays: answer.course ? null : answer.expires_in, mask: answer.mask_in ?? 180, ontick: left.show, onend: () => app.next(),
    onmask: () => {
      app.result.isMasked = true;
      app.result.code = null;
      tell();
    },
  });
  const next = button(app.t(answer.course ? "training.next" : "verdict.next"), () => app.next(), "main");
  return {
    title: app.t("verdict.title"),
    look: `verdict look-${answer.look}`,
    training: answer.training,
    body: [
      band(app, answer),
      el("div.columns",
        el("div.first", advice(app, answer), passportCheck(app, answer), answer.typed && typed(app, answer.typed), badges(app, answer), mustSee(app, answer), foundBy(app, answer), left.element),
        // Where the passport decided, what differs is what has to be looked at.
        el("div.second", ...(answer.reason.startsWith("passport.") ? [who, checks(app, answer)] : [checks(app, answer), who])))],
    foot: [next, !answer.course && button(app.t("override.title"), () => app.step("override"), "plain")].filter(Boolean),
    enter: () => {
      expiry.start();
      next.focus({ preventScroll: true });
      if (result.isTold) return;
      result.isTold = true;
      app.sounds.play(answer.look);
      app.announce(spoken(app, answer));
    },
    leave: () => expiry.stop(),
  };
}

/** Shape and word: what is seen from across the counter. */
export function band(app, { look, reason }) {
  return el(`div.band.look-${look}`, shape(look), el("div", el("p.word", app.t(`look.${look}`)), el("p.why", app.words.reason(reason).what)));
}

/** What is read aloud, once. */
function spoken(app, answer) {
  const { words } = app;
  const { what, do: act } = words.reason(answer.reason);
  const lane = answer.lane && app.t(`lane.${answer.lane.answer}.said`);
  const entry = answer.entry && app.t(`entry.${answer.entry.answer}.said`, { day: words.day(answer.entry.stay_until ?? "") });
  return [`${app.t(`look.${answer.look}`)}.`, lane, entry, what, act].filter(Boolean).join(" ");
}

function advice(app, answer) {
  const { do: act, not } = app.words.reason(answer.reason);
  const seen = answer.seen_before === null || answer.seen_before === undefined ? null
    : notice("warn", app.t("verdict.seen", { age: app.words.span(answer.seen_before) }));
  return el("section.advice", { "aria-labelledby": "todo" }, el("h2", { id: "todo" }, app.t("verdict.do")),
    el("p.act", act), not && el("p.hint", not), seen);
}

/** What the economy that issued the passport says, and whom it has there day and night. */
function passportCheck(app, { passport_check: told, person: who }) {
  if (!told && !app.isCheckingPassport) return null;
  const owner = app.words.economy(told?.owner || who?.passport.country || "");
  const lines = told
    ? [el("strong", app.t(`passports.${told.status}`, { owner })), told.contact && el("p", app.t("passports.contact", { contact: plain(told.contact) })),
      told.reference && told.status !== "VALID" && el("p.hint", app.t("passports.reference", { reference: told.reference }))]
    : [app.t("passports.asking")];
  return el("section.advice.passport-check", { "aria-labelledby": "passports", "aria-live": "polite" },
    el("h2", { id: "passports" }, app.t("passports.title")), el("div", ...lines.filter(Boolean)));
}

/** What about typed numbers cannot be, and which letters are perhaps others. */
function typed(app, fields) {
  const lines = Object.entries(fields).filter(([, { state }]) => ["wrong", "form"].includes(state)).map(([name, { state, place, alike = [] }]) => {
    const field = app.t(name === "passport_number" ? "person.passport" : `person.${name}`);
    const perhaps = alike.map(({ place: at, typed: was, perhaps: is }) => app.t("manual.perhaps", { place: at, typed: plain(was), perhaps: plain(is) }));
    return el("li", el("strong", field), ": ", app.t(`manual.${state}`), place ? ` ${app.t("manual.place", { place })}` : "",
      ...perhaps.flatMap((text) => [" ", text]));
  });
  return lines.length ? notice("warn", el("ul", ...lines)) : null;
}

/** Lane and entry are two answers, always side by side. */
function badges(app, { lane, entry, look, purposes, reason }) {
  const { words } = app;
  if (!lane && !entry) {
    return ["not_live"].includes(look) ? null : el("div.badges", badge(app, "lane", "unknown", app.t("badge.none")),
      badge(app, "entry", "unknown", app.t("badge.none")));
  }
  const until = entry.answer === "visa_free" && entry.stay_until
    ? el("span.until", el("small", app.t("entry.until")), el("strong", words.day(entry.stay_until))) : null;
  const aims = purposes?.length ? el("p.hint.purposes", app.t("entry.purposes", { purposes: words.list(purposes.map((each) => purpose(app, each))) })) : null;
  return el("div", el("div.badges",
    badge(app, "lane", LANES[lane.answer], app.t(`lane.${lane.answer}`), lane.reason),
    // What decided about entry stands above already.
    badge(app, "entry", ENTRIES[entry.answer], app.t(`entry.${entry.answer}`), entry.reason === reason ? null : entry.reason, until)), until && aims);
}

function purpose(app, code) {
  const key = `purpose.${code}`;
  return app.words.has(key) ? app.t(key) : plain(code);
}

function badge(app, name, state, text, reason, more) {
  return el(`section.badge.badge-${state}`, { "aria-label": app.t(`badge.${name}`) },
    el("p.badge-name", app.t(`badge.${name}`)), el("p.badge-text", sign(state), el("strong", text)), more,
    reason && el("p.hint", app.words.reason(reason).what));
}

function mustSee(app, { must_see: needed }) {
  if (!needed.length) return null;
  const signs = { face: "person", passport: "passport", plastic_card: "card" };
  return el("section.must", { "aria-labelledby": "must" }, el("h2", { id: "must" }, app.t("must.title")),
    el("ul", ...needed.map((each) => el("li", sign(signs[each] ?? "unknown"), app.t(`must.${each}`)))));
}

/** Each step with its mark; only what decided has a colour. */
function checks(app, { checks: list }) {
  if (!list.length) return null;
  return el("section.checks", { "aria-labelledby": "checks" }, el("h2", { id: "checks" }, app.t("checks.title")),
    el("ul", ...list.map(({ step, state }) => el(`li.check-${state}`, sign(STATES[state]), el("span", app.t(`check.${step}`)),
      el("small", app.t(`check.state.${state}`))))));
}

/** Who it is about; after three minutes nobody. */
function personal(app, { answer, isMasked }) {
  if (isMasked) return [notice("info", app.t("verdict.masked"))];
  if (answer.person) {
    return [el("h2", app.t("person.title")), person(app, answer), answer.passport ? comparedNote(app, answer.passport) : ""];
  }
  return answer.read ? [el("h2", app.t("person.read")), readFacts(app, answer.read)] : [];
}

/** By what data the answer was found, and its code. */
function foundBy(app, { data_as_of: asOf, data_age: age, ageing, reason, at, lane, course }) {
  const { words } = app;
  const codes = [reason, lane && lane.reason !== reason ? lane.reason : null].filter(Boolean);
  const data = asOf && el("p.data-of", sign("clock"),
    el("span", app.t("verdict.data", { at: words.since(asOf, at), age: words.span(age) })));
  const old = ageing?.length && !course ? notice("warn", app.t("verdict.ageing", { parts: words.list(ageing.map((each) => app.t(`ageing.${each}`))) })) : null;
  return el("section.found", data, old, el("p.code", el("span", app.t("verdict.code")), " ", ...codes.flatMap((code) => [el("code", code), " "])));
}

/** @returns {{element: HTMLElement, show: (left: number | null) => void}} The last seconds of an answer. */
export function countdown(app) {
  const text = el("span");
  const element = el("p.countdown", { hidden: true }, sign("clock"), text);
  const show = (left) => {
    element.hidden = left === null;
    if (left !== null) text.textContent = app.t("verdict.left", { seconds: app.words.seconds(left) });
  };
  return { element, show };
}
