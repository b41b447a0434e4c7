/** A card that is over on this phone: it shows no code any more. */

import { el } from "../dom.js";
import { factsOf } from "../phone/facts.js";
import { actions, button, door, notice } from "./parts.js";
import { forgetCard } from "./start.js";

/** @returns {object} The screen. */
export function ended(app, card) {
  const t = app.t.bind(app);
  const { state, since, asOf } = factsOf(card);
  const kind = state === "revoked" ? "revoked" : "moved";
  const forget = button(t("ended.forget"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.forget(card);
    forgetCard();
    app.go("start", null, { instead: true });
  }), "plain");
  return {
    title: `ended.${kind}.title`,
    body: [
      notice("stop", el("p", el("strong", t(`ended.${kind}`, { date: app.words.date(since ?? asOf) }))), t(`ended.${kind}.do`)),
      actions(kind === "moved" && door("#/lost", t("ended.report"), "danger"), door("#/start", t("ended.here")), forget),
    ],
  };
}
