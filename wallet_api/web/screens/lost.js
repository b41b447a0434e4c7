/** A phone that is lost or stolen: the card is suspended, from this phone or from any other. */

import { el } from "../dom.js";
import { STEP, claimsOf } from "../phone/wallet.js";
import { actions, economyChoice, field, form, notice, submit } from "./parts.js";

/** A card's number as it is compared, however it was copied from paper. */
function plainNumber(typed) {
  return typed.normalize("NFKC").replace(/[\s\p{Pd}]/gu, "").toUpperCase();
}

/** The number of a card that was taken from this phone: whoever reports that need not have noted it. */
async function numberHere(app) {
  const [card, ...others] = await app.wallet.cards();
  return card?.step === STEP.ENDED && others.length === 0 ? claimsOf(card.text).document_number : null;
}

/** @returns {Promise<object>} The screen for a phone that is not here. */
export async function lost(app) {
  const t = app.t.bind(app);
  const economy = await economyChoice(app, t("card.issuer"));
  const code = field(t("lost.code"), { id: "code", type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false" },
    t("lost.code.hint"));
  const number = field(t("lost.number"), {
    id: "number", type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", value: await numberHere(app),
  }, t("lost.number.hint"));
  const done = el("section", { "aria-live": "polite" });
  const report = (source) => {
    done.replaceChildren();
    const empty = [economy, code, number].find(({ input }) => !input.value.trim());
    if (empty) return empty.input.focus();
    return app.run(source, async () => {
      await app.wallet.reportLost(economy.input.value, code.input.value.trim(), plainNumber(number.input.value));
      done.replaceChildren(notice("info", el("p", el("strong", t("lost.done"))), t("lost.done.do")));
    });
  };
  return {
    title: "lost.title",
    back: { to: "#/", label: t("back") },
    body: [
      el("p.lead", t("lost.lead")), form(report, economy.row, code.row, number.row, actions(submit(t("lost.send"), "danger"))),
      done, el("p.hint", t("lost.no_code")),
    ],
  };
}

/** @returns {object} The screen for the card on this phone; it is asked for by a word, not only by a touch. */
export function suspend(app, card) {
  const t = app.t.bind(app);
  const word = t("suspend.word");
  const typed = field(t("suspend.type", { word }), { id: "word", type: "text", autocomplete: "off", spellcheck: "false" });
  const send = (source) => {
    if (typed.input.value.trim().toLocaleLowerCase() !== word.toLocaleLowerCase()) return typed.input.focus();
    return app.run(source, async () => {
      const suspended = await app.wallet.suspend(card);
      app.note(card, "suspended");
      app.goOn(suspended);
    });
  };
  return {
    title: "suspend.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [
      el("p.lead", t("suspend.lead")),
      el("ul.points.plain", ...["now", "kept", "back"].map((each) => el("li", t(`suspend.${each}`)))),
      form(send, typed.row, actions(submit(t("suspend.send"), "danger"))),
    ],
  };
}
