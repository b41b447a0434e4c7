/** Whose card it is, before the holder says yes. */

import { el } from "../dom.js";
import { actions, button, facts, maskedPassport, notice, personName } from "./parts.js";
import { rememberCard } from "./start.js";

/** @returns {Promise<object>} The screen. */
export async function preview(app, card) {
  const t = app.t.bind(app);
  const stop = button(t("preview.no"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.decline(card);
    app.go("start", null, { instead: true });
  }), "plain");
  let whose;
  try {
    whose = await app.wallet.preview(card);
  } catch (error) {
    const again = button(t("again"), () => app.render());
    return { title: "preview.title", body: [app.problem(error), actions(again, stop)] };
  }
  const yes = button(t("preview.yes"), ({ currentTarget }) => app.run(currentTarget, async () => {
    // A browser that promises to keep the card asks its owner only now, when there is a reason.
    await navigator.storage?.persist?.();
    const next = await app.wallet.accept(card);
    rememberCard();
    app.goOn(next);
    app.update();
  }));
  return {
    title: "preview.title",
    body: [
      el("p.lead", t("preview.lead")),
      el("section.panel", facts(
        [t("card.issuer"), app.words.economy(card.economy)],
        [t("card.name"), personName(whose.holder)],
        [t("card.passport"), whose.passport && maskedPassport(whose.passport)],
        [t("card.expires"), whose.expires_at && app.words.lastDay(whose.expires_at)],
      )),
      notice("info", t("preview.note")),
      actions(yes, stop),
    ],
  };
}
