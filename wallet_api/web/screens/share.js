/** Answering an airline or a hotel: who asks and for what is shown, and the holder says yes or no. */

import { el } from "../dom.js";
import { NoRequest, isLink } from "../phone/asked.js";
import { factsOf } from "../phone/facts.js";
import { Unreachable } from "../phone/network.js";
import { STEP, claimsOf } from "../phone/wallet.js";
import { Scan } from "./answer.js";
import { actions, button, choice, door, field, form, notice, personName, submit } from "./parts.js";

const SCANNING = {
  lead: "share.scan.lead", looking: "share.looking", no_camera: ["answer.no_camera", "share.no_camera.do"],
  foreign: ["share.foreign", "share.foreign.do"], unread: ["answer.unread", "share.unread.do"],
};

/** @returns {Promise<object>} The screen on which a request is given: scanned, pasted, or opened with this page. */
export async function share(app) {
  const t = app.t.bind(app);
  const held = await heldBy(app);
  if (held.length === 0) return screen(app, [notice("warn", t("share.no_card")), actions(door("#/start", t("start.title")))]);
  const opened = app.opened;
  app.opened = null;
  const { row, input } = field(t("share.link"), { id: "link", type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", value: opened ?? "" });
  const read = submit(t("start.continue"));
  const go = (source) => (input.value.trim() ? app.run(source, () => take(app, input.value)) : input.focus());
  return {
    ...screen(app, [
      app.isOffline && notice("warn", t("share.offline")),
      el("p.lead", t("share.lead")),
      actions(door("#/scan", t("share.scan"), "main")),
      form(go, row, actions(read)),
    ]),
    // What was opened with the page is read at once; what it is, is said before anything is answered.
    enter: () => opened && go(read),
  };
}

/** @returns {object} The screen that reads a code of somebody who asks. */
export function scan(app) {
  const box = new Scan(app, SCANNING, (texts) => {
    const link = texts.find(isLink);
    if (link === undefined) return false;
    app.opened = link;
    app.go("share", null, { instead: true });
    return true;
  });
  return {
    title: "share.scan", look: "scanning", back: { to: "#/share", label: app.t("share.title") },
    body: box.parts, enter: () => box.enter(), leave: () => box.leave(),
  };
}

/** @returns {Promise<object | null>} Who asks and for what; the holder decides. */
export async function request(app) {
  const t = app.t.bind(app);
  const { asked } = app.request ?? {};
  const held = await heldBy(app);
  if (!asked || held.length === 0) {
    app.go("share", null, { instead: true });
    return null;
  }
  const which = choice(t("share.which"), "card", held.map((card) => [card.id, nameOf(app, card)]), held[0].id);
  const chosen = () => held.find(({ id }) => id === which.input.value);
  const { who, wanted } = asked;
  const yes = button(t("share.yes"), ({ currentTarget }) => app.run(currentTarget, () => give(app, chosen())));
  const no = button(t("share.no"), ({ currentTarget }) => app.run(currentTarget, () => decline(app)), "plain");
  return {
    title: "share.title",
    heading: t("share.who", { who }),
    body: [
      ...(wanted.kind === "journey" ? ofJourney(app, asked, held[0]) : ofCard(app, asked)),
      held.length > 1 && which.row,
      actions(yes, no),
    ],
  };
}

function ofJourney(app, { who, wanted }, card) {
  const t = app.t.bind(app);
  const economy = app.words.economy(wanted.destination);
  return [
    el("p.lead", t("share.journey", { economy, date: app.words.date(wanted.arrival) })),
    el("h2", t("share.gets", { who })),
    el("ul.points", ...["answer", ...wanted.hidden].map((each) => el("li", t(`share.gets.${each}`)))),
    el("p", t("share.rest")),
    notice("info", t("share.issuer", { economy: app.words.economy(card.economy) })),
  ];
}

function ofCard(app, { who }) {
  const t = app.t.bind(app);
  return [
    el("p.lead", t("share.card")),
    el("h2", t("share.gets", { who })),
    el("p", t("share.card.gets")),
    notice("warn", t("share.card.all")),
  ];
}

/** @returns {object | null} What became of it. */
export function shared(app) {
  const t = app.t.bind(app);
  const { asked, end, further, card } = app.request ?? {};
  app.request = null;
  if (!end) {
    app.go("share", null, { instead: true });
    return null;
  }
  const economy = card ? app.words.economy(card.economy) : "";
  const text = t(`share.${end}.text`, { who: asked.who, economy });
  return {
    title: `share.${end}`,
    body: [
      notice(end === "done" || end === "declined" ? "info" : "warn", text),
      actions(further && el("a.button", { href: further, rel: "noreferrer" }, t("share.go_on", { place: new URL(further).host })), door("#/", t("home.back"))),
    ],
  };
}

function screen(app, body) {
  return { title: "share.title", back: { to: "#/", label: app.t("home.back") }, body };
}

async function heldBy(app) {
  return (await app.wallet.cards()).filter(({ step }) => step === STEP.HELD);
}

function nameOf(app, card) {
  return `${app.words.economy(card.economy)}: ${personName(factsOf(card).holder)}`;
}

/** What answers desks is fetched when somebody asks: a start without network does not wait for it. */
function desk() {
  return import("../desk/request.js").catch((error) => {
    throw new Unreachable(error);
  });
}

async function take(app, text) {
  if (!isLink(text)) throw new NoRequest("unreadable");
  const { readRequest } = await desk();
  const desks = await app.wallet.desks();
  app.request = { desks, asked: await readRequest(text, { desks, now: app.clock.now() }) };
  await app.go("request", null, { instead: true });
}

async function give(app, card) {
  const { asked, desks } = app.request;
  const { answers, reply } = await desk();
  const isCard = asked.wanted.kind === "card";
  if (isCard && !answers(asked.wanted, claimsOf(card.text))) return ended(app, "unlike", card);
  const shown = isCard ? await app.wallet.present(card, asked) : await app.wallet.prove(card, asked);
  // Nothing is sent: how soon a no comes would tell what is on the card.
  if (shown === null) return ended(app, "none", card);
  const further = await reply(asked, shown, desks);
  await app.note(card, isCard ? "given" : "proved", asked.who);
  return ended(app, "done", card, further);
}

async function decline(app) {
  const { asked, desks } = app.request;
  const { reply } = await desk();
  await reply(asked, null, desks);
  return ended(app, "declined", null);
}

function ended(app, end, card, further = null) {
  app.request = { ...app.request, end, card, further };
  return app.go("shared", null, { instead: true });
}
