/** One answer: the line, what goes with it, and what it is not. */

import { el, plain } from "./console/dom.js";
import { shape } from "./console/looks.js";
import { button, facts, notice } from "./console/screens/parts.js";

/** No answer is a question mark, and neither yes nor no. */
const LOOKS = { gives: "accepted", does_not_give: "genuine", no_answer: "not_live" };
/** Milliseconds until what is left of the passport is hidden. */
const MASK = 180_000;

/**
 * @param {object | null} answer As the service told it; null where it did not.
 * @param {object} question What was asked.
 * @param {{next: () => void, recheck: () => void}} ways On from here.
 * @returns {{element: HTMLElement, mask: number}} The view, and the timer that hides what is personal in it.
 */
export function answerView(app, answer, question, ways) {
  const t = (key, values) => app.t(key, values);
  const { words } = app;
  const kind = answer?.answer ?? "no_answer";
  const destination = words.economy(question.destination);
  const passport = el("span", answer?.passport ? passportText(t, answer.passport) : "");
  const mask = setTimeout(() => {
    if (answer?.passport) passport.textContent = t("answer.passport.hidden");
  }, MASK);
  const element = el("div.answer",
    el("p.print-only", el("strong", t("summary.title"))),
    el(`div.band.look-${LOOKS[kind]}`, shape(LOOKS[kind]), el("div",
      el("h1.sentence", { id: "title", tabindex: "-1" }, t(`answer.${kind}`, { destination })),
      el("p.why", kind === "no_answer" ? noAnswerNote(app, answer, question) : ""))),
    compared(app, answer, question),
    facts([t("answer.destination"), destination], [t("answer.arrival"), words.day(question.arrival)],
      ...(answer ? details(app, answer, passport) : [])),
    el("p.information", t("answer.information")),
    el("div.foot", button(t("act.next"), ways.next, "main"), button(t("act.recheck"), ways.recheck, "plain"),
      button(t("act.print"), () => print(), "plain")));
  return { element, mask };
}

function noAnswerNote(app, answer, question) {
  const { words } = app;
  if (answer === null) return app.t("answer.unreachable", { time: words.clock(new Date(), "UTC") });
  if (question.code === null && answer.source === null) return app.t(app.state.register ? "answer.no_register" : "answer.no_code");
  return app.t("answer.no_answer.note");
}

/** Whose answer it is: this device's, from the code, or that of an economy's register. */
function sourceText(app, source) {
  if (source === null) return "";
  return source === "device" ? app.t("answer.source.device") : app.t("answer.source.register", { economy: app.words.economy(source) });
}

function passportText(t, { country, number_end: end }) {
  return t("answer.passport.value", { country: plain(country), end: plain(end) });
}

function details(app, answer, passport) {
  const t = (key, values) => app.t(key, values);
  const { words } = app;
  const seen = answer.must_see.map((each) => t(`answer.must_see.${each}`));
  return [
    [t("answer.stay"), answer.stay_until && el("span", words.day(answer.stay_until), el("small", t("answer.stay.note")))],
    [t("answer.form"), answer.form && t(`answer.form.${answer.form}`)],
    [t("answer.last_day"), answer.card_last_day && words.day(answer.card_last_day)],
    [t("answer.passport"), answer.passport && passport],
    [t("answer.must_see"), seen.length ? words.list(seen) : ""],
    [t("answer.source"), sourceText(app, answer.source)],
    [t("answer.at"), words.moment(answer.answered_at)],
    [t("answer.data"), answer.data_as_of && words.moment(answer.data_as_of)],
    [t("answer.reference"), el("span.code-text", answer.reference)],
  ];
}

/** Both times and both answers, and whether the second is another. */
function compared(app, answer, question) {
  const t = (key, values) => app.t(key, values);
  const { words } = app;
  if (!answer || !question.previous) return "";
  const { previous } = answer;
  if (previous === null) return notice("warn", t("earlier.unknown"));
  const time = (name, { answer: kind, answered_at: at, stay_until: stay }) => el("div", el("dt", t(name)), el("dd", t(`earlier.${kind}`)),
    stay ? el("dd", `${t("answer.stay")} ${words.day(stay)}`) : "", el("dd", words.moment(at)));
  return el("section", el("h2", t("earlier.title")),
    notice(previous.changed ? "warn" : "info", el("p", el("strong", t(previous.changed ? "earlier.changed" : "earlier.same")))),
    el("dl.compare-times", time("earlier.then", previous), time("earlier.now", answer)));
}
