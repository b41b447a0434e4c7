/** The one-time code of an offer. */

import { el } from "../dom.js";
import { actions, button, field, form, submit } from "./parts.js";

/** What a holder may type for a digit or between digits: full width, Arabic and other digits, spaces, hyphens. */
const BETWEEN = /[\s\p{Pd}]/gu;
const DIGIT = /\p{Nd}/u;

/**
 * @param {string} typed What stands in a field.
 * @returns {string} Its digits as 0 to 9; anything else stays, to be seen as wrong.
 */
export function digitsOf(typed) {
  return [...typed.normalize("NFKC").replace(BETWEEN, "")].map((each) => (DIGIT.test(each) ? valueOf(each) : each)).join("");
}

function valueOf(digit) {
  // Digits of every script stand in tens, in order, and before a zero stands no digit.
  let zero = digit.codePointAt(0);
  while (DIGIT.test(String.fromCodePoint(zero - 1)) && digit.codePointAt(0) - zero < 9) zero--;
  return String(digit.codePointAt(0) - zero);
}

/** @returns {object} The screen. */
export function code(app, card) {
  const t = app.t.bind(app);
  const length = card.offer.txCode?.length ?? 6;
  const typed = field(t("code.label", { length }), {
    id: "code", class: "digits", type: "text", inputmode: "numeric", autocomplete: "one-time-code", maxlength: "24",
  }, t("code.hint"));
  const say = el("p.wrong", { id: "code-wrong", role: "alert", hidden: true }, t("code.length", { length }));
  const redeem = (source, txCode) => app.run(source, async () => app.goOn(await app.wallet.redeem(card, txCode)));
  const check = (source) => {
    const digits = digitsOf(typed.input.value);
    say.hidden = digits.length === length && /^[0-9]+$/.test(digits);
    if (!say.hidden) return typed.input.focus();
    return redeem(source, digits);
  };
  const stop = button(t("code.stop"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.decline(card);
    app.go("start", null, { instead: true });
  }), "plain");
  const issuer = el("p.lead", t("code.lead", { economy: app.words.economy(card.economy) }));
  if (!card.offer.txCode) {
    const next = button(t("start.continue"), ({ currentTarget }) => redeem(currentTarget, null));
    return { title: "code.none", body: [issuer, actions(next, stop)] };
  }
  return {
    title: "code.title",
    body: [issuer, form(check, typed.row, say, actions(submit(t("start.continue")), stop))],
    enter: () => typed.input.focus(),
  };
}
