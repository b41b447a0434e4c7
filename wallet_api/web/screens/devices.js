/** Phones that have or had the card, and how it moves to another one. */

import { el, plain } from "../dom.js";
import { factsOf } from "../phone/facts.js";
import { claimsOf } from "../phone/wallet.js";
import encodeQR from "../vendor/qr/index.js";
import { drawCode } from "./drawing.js";
import { actions, button, door, facts, notice } from "./parts.js";

/** Milliseconds between questions whether the other phone has the card. */
const ASK_EVERY = 5_000;

/** @returns {Promise<object>} The screen. */
export async function devices(app, card) {
  const t = app.t.bind(app);
  let list;
  try {
    const found = await app.wallet.devices(card);
    list = el("ul.rows", ...found.map((each) => row(app, card, each)));
  } catch (error) {
    list = app.problem(error);
  }
  return {
    title: "devices.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [
      list,
      el("h2", t("devices.move")), el("p", t("devices.move.text")),
      // What is suspended no other phone brings back.
      factsOf(card).state === "valid" && actions(door(app.to("move", card), t("devices.move"), "main")),
      el("h2", t("devices.lost")), el("p", t("devices.note")),
      el("section.panel", facts([t("lost.number"), plain(claimsOf(card.text).document_number)])),
      el("p", t("devices.lost.text")),
      factsOf(card).state === "valid" && actions(door(app.to("suspend", card), t("suspend.link"), "danger")),
    ],
  };
}

/** Words by state; a card whose last day is over has ended as well as one that somebody ended. */
const STATES = new Map([
  ["waiting", "device.waiting"], ["valid", "device.valid"], ["suspended", "device.suspended"], ["superseded", "device.superseded"],
  ["revoked", "device.revoked"], ["expired", "device.revoked"],
]);

function row(app, card, { this: isThis, state, since, name, id }) {
  const t = app.t.bind(app);
  const label = isThis ? t("devices.this") : plain(name ?? "") || t("devices.other");
  return el("li", el("strong", label),
    el("span.known", t(STATES.get(state) ?? "state.unknown"), since && ` · ${app.words.date(since)}`),
    Number.isInteger(id) && stranger(app, card, id));
}

/** A phone that has taken an offer of this card, and would take its place. */
function stranger(app, card, id) {
  const t = app.t.bind(app);
  return notice("warn", t("devices.waits"), button(t("devices.remove"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.remove(card, id);
    app.note(card, "removed");
    await app.render();
  }), "danger"));
}

/** @returns {object} The screen: an offer for the new phone, made only when the holder asks for it. */
export function move(app, card) {
  const t = app.t.bind(app);
  const made = el("section.move");
  const offer = new Offered(app);
  const make = button(t("move.make"), ({ currentTarget }) => app.run(currentTarget, async () => {
    const told = await app.wallet.move(card);
    app.note(card, "offered");
    const canvas = el("canvas", { role: "img", "aria-label": t("move.qr") });
    made.replaceChildren(el("div.paper", canvas), ...shown(app, told));
    // A phone's camera opens the link of this wallet; the other link needs a wallet that is there already.
    drawCode(canvas, encodeQR(told.wallet_link ?? told.offer, "raw", { ecc: "medium", border: 4 }));
    above.hidden = true;
    below.hidden = false;
    offer.watch(Date.parse(told.expires_at), over);
  }));
  const stay = button(t("move.stay"), ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.wallet.stay(card);
    app.go("devices", card, { instead: true });
  }), "plain");
  const [above, below] = [actions(make), actions(stay)];
  below.hidden = true;
  const over = () => {
    made.replaceChildren(notice("warn", el("p", el("strong", t("error.gone"))), t("error.gone.do")));
    above.hidden = false;
    below.hidden = true;
  };
  return {
    title: "devices.move",
    back: { to: app.to("devices", card), label: t("devices.title") },
    body: [
      el("ol.steps", ...[1, 2, 3].map((step) => el("li", t(`move.step${step}`)))),
      notice("warn", t("move.warn")), made, above, below,
    ],
    leave: () => offer.forget(),
  };
}

/** An offer that stands on the screen: this phone asks whether the card has gone, until the offer is over. */
class Offered {
  #app;
  #timer = 0;

  constructor(app) {
    this.#app = app;
  }

  watch(endsAt, over) {
    this.forget();
    this.#timer = setInterval(() => {
      if (this.#app.clock.now() < endsAt) return void this.#app.update();
      this.forget();
      return over();
    }, ASK_EVERY);
  }

  forget() {
    clearInterval(this.#timer);
  }
}

function shown(app, { tx_code: code, expires_at: ends }) {
  const t = app.t.bind(app);
  return [
    el("p", t("move.code")), el("p.number", { "aria-label": [...code].join(" ") }, `${code.slice(0, 3)} ${code.slice(3)}`),
    el("p.hint", t("move.until", { time: app.words.time(ends) })),
  ];
}
