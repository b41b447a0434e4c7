/** A card that the issuer will have later. */

import { el } from "../dom.js";
import { mayPass } from "../phone/network.js";
import { actions, button, notice } from "./parts.js";

const LEAST = 5_000;
const MOST = 60_000;

/** @returns {object} The screen: it asks by itself, less and less often. */
export function waiting(app, card) {
  const t = app.t.bind(app);
  const said = el("div.said");
  const current = { card, timer: 0, isLeft: false, pause: Math.max(LEAST, (card.interval ?? 0) * 1000) };
  const ask = async () => {
    clearTimeout(current.timer);
    try {
      current.card = await app.wallet.accept(current.card);
      said.replaceChildren();
    } catch (error) {
      if (current.isLeft) return;
      said.replaceChildren(app.problem(error));
      if (!mayPass(error)) return;
    }
    if (current.isLeft) return;
    if (current.card.step !== card.step) {
      app.goOn(current.card);
      app.update();
      return;
    }
    current.timer = setTimeout(ask, current.pause);
    current.pause = Math.min(MOST, current.pause * 1.5);
  };
  const now = button(t("waiting.now"), ({ currentTarget }) => app.run(currentTarget, ask), "plain");
  return {
    title: "waiting.title",
    body: [
      el("p.lead", t("waiting.lead", { economy: app.words.economy(card.economy) })),
      notice("info", t("waiting.close")), said, actions(now),
    ],
    enter: () => void (current.timer = setTimeout(ask, current.pause)),
    leave: () => {
      current.isLeft = true;
      clearTimeout(current.timer);
    },
  };
}
