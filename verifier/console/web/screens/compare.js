/** Step A of an answer: a person compares face, passport and card, before any verdict is shown. */

import { el, plain } from "../dom.js";
import { Expiry } from "../expiry.js";
import { button, compared, personName, sign } from "./parts.js";
import { comparedNote, mrzForm } from "./passport.js";
import { countdown } from "./verdict.js";

/** @returns {object} The screen. */
export function compare(app) {
  const { answer } = app.result;
  const left = countdown(app);
  const expiry = new Expiry({
    stays: answer.expires_in ?? null, mask: answer.mask_in, ontick: left.show, onmask: () => app.next(), onend: () => app.next(),
  });
  const reading = el("div.reading", { hidden: true });
  const open = button(app.t("compare.read"), () => openReading(app, reading, open), "plain");
  const isWrong = answer.passport && ["country", "number"].some((name) => answer.passport[name] === "differs");
  const judge = (matches) => ({ currentTarget }) => app.run(currentTarget, () => judged(app, matches));
  return {
    title: app.t("compare.title"),
    look: "compare",
    training: answer.training,
    body: [
      el("p.lead.face", sign("person"), el("span", app.t(`compare.lead.${plastic(answer) ? "plastic_card" : "passport"}`))),
      person(app, answer),
      answer.passport && comparedNote(app, answer.passport),
      reading, left.element,
    ],
    foot: [!isWrong && button(app.t("compare.yes"), judge(true), "main"), button(app.t("compare.no"), judge(false), "danger"),
      !answer.training && open].filter(Boolean),
    enter: () => {
      expiry.start();
      app.say(app.t("compare.say"));
      app.onscan = (read) => read.mrz && recheck(app, read.mrz, null);
    },
    leave: () => expiry.stop(),
  };
}

function plastic({ must_see: needed }) {
  return needed.includes("plastic_card");
}

/** @returns {HTMLElement} What is compared, in letters for an arm's length. */
export function person(app, answer) {
  const { person: who, read } = answer;
  const { words } = app;
  const row = (name, value, beside = null) => el(`div.person-${name}`, el("dt", app.t(`person.${name}`)), el("dd", value, beside));
  const differs = (name) => answer.passport?.[name] === "differs";
  const beside = (name, mine, theirs) => differs(name) && theirs ? inPassport(app, mine, theirs) : null;
  return el("dl.person",
    row("name", personName(who), beside("names", personName(who), read && personName(read))),
    row("birthdate", words.day(who.birthdate), beside("birthdate", who.birthdate.slice(2).replaceAll("-", ""), read?.birthdate)),
    row("passport", `${plain(who.passport.country)} ${plain(who.passport.number)}`,
      beside(differs("country") ? "country" : "number", `${who.passport.country} ${who.passport.number}`, read && `${read.country} ${read.number}`)),
    row("nationality", economyOrCode(words, who.nationality), beside("nationality", who.nationality, read?.nationality)),
    row("economy", words.economy(who.economy)),
    row("document_number", plain(who.document_number)),
    row("expires_at", words.lastDay(who.expires_at)));
}

function inPassport(app, mine, theirs) {
  return el("small.beside", el("span", app.t("compare.inpassport")), " ", compared(theirs, mine));
}

function economyOrCode(words, code) {
  const name = words.economy(code);
  return name === code ? plain(code) : `${name} (${code})`;
}

function openReading(app, place, open) {
  const lines = mrzForm(app, (mrz, source) => recheck(app, mrz, source));
  place.replaceChildren(lines.form);
  place.hidden = false;
  open.hidden = true;
  place.scrollIntoView({ block: "center" });
  lines.input.focus({ preventScroll: true });
}

/** The same code, now with the passport: the answer is that to the moment of the scan. */
async function recheck(app, mrz, source) {
  await app.run(source, async () => {
    const { code } = app.result;
    const answer = await app.ask("POST", "check", { code, passport: { mrz }, challenge: null });
    if (answer && app.result) app.show(answer, { code });
  });
}

/** Only what the service says after the comparison is a verdict. */
async function judged(app, matches) {
  const { answer, code } = app.result;
  if (answer.training) return app.show(matches ? answer : app.trainee.mismatch(answer), { code, step: "verdict" });
  const told = await app.ask("POST", `answers/${encodeURIComponent(answer.id)}/compared`, { matches });
  if (told && app.result) app.show(told, { code, step: "verdict" });
  return undefined;
}

