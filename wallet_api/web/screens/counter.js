/** Taking a card at a counter: an officer types a number that only this phone shows. */

import { el } from "../dom.js";
import { mayPass } from "../phone/network.js";
import { actions, button, economyChoice, form, notice, submit } from "./parts.js";

/** Milliseconds between questions. */
const EVERY = 3_000;

/** @returns {Promise<object>} The screen before: whose counter it is. */
export async function counter(app) {
  const t = app.t.bind(app);
  const economy = await economyChoice(app, t("counter.economy"));
  const begin = (source) => {
    if (!economy.input.value) return economy.input.focus();
    return app.run(source, async () => app.goOn(await app.wallet.beginAtCounter(economy.input.value), { instead: false }));
  };
  return {
    title: "counter.title",
    back: { to: "#/start", label: t("back") },
    body: [el("p.lead", t("counter.lead")), form(begin, economy.row, actions(submit(t("counter.begin"))))],
  };
}

/** @returns {object} The number, until the officer has typed it. */
export function counterNumber(app, card) {
  const t = app.t.bind(app);
  const { number } = card.counter;
  const grouped = `${number.slice(0, 4)} ${number.slice(4)}`;
  const said = el("div.said");
  const again = button(t("counter.again"), ({ currentTarget }) => app.run(currentTarget, async () => {
    const next = await app.wallet.beginAtCounter(card.economy);
    await app.wallet.forget(card);
    app.goOn(next);
  }));
  again.hidden = true;
  const stop = button(t("cancel"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.forget(card);
    app.go("start", null, { instead: true });
  }), "plain");
  let timer = 0;
  let isLeft = false;
  const ask = async () => {
    try {
      const next = await app.wallet.atCounter(card);
      if (isLeft) return;
      if (next.step !== card.step) return void app.goOn(next);
      said.replaceChildren();
    } catch (error) {
      if (isLeft) return;
      said.replaceChildren(app.problem(error));
      again.hidden = mayPass(error);
      if (!again.hidden) return;
    }
    timer = setTimeout(ask, EVERY);
  };
  return {
    title: "counter.read",
    body: [
      el("p.lead", t("counter.read.lead")),
      el("p.number", { "aria-label": [...number].join(" ") }, grouped),
      notice("info", t("counter.wait")), said, actions(again, stop),
    ],
    enter: () => void ask(),
    leave: () => {
      isLeft = true;
      clearTimeout(timer);
    },
  };
}
