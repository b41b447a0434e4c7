/** The home: how fresh everything is on which an answer rests, UPDATE, and the ways to the rest. */

import { ask } from "../api.js";
import { el, plain } from "../dom.js";
import { actions, button, door, doors, notice, sign } from "./parts.js";
import { dataState } from "./header.js";

const SIGNS = { fresh: "yes", good: "yes", ageing: "warn", unknown: "unknown", stale: "stop", behind: "stop" };
/** Bytes of the largest file that the service takes. */
const MAX_FILE = 32 * 2 ** 20;
/** Milliseconds for a whole file of trust data. */
const LONG = 120_000;

/** @returns {object} The screen. */
export function home(app) {
  const card = el("ul.freshness");
  const part = updating(app);
  const lead = el("p.lead");
  const update = (state) => {
    lead.textContent = app.t(`data.${dataState(state.freshness)}.do`);
    card.replaceChildren(...rows(app, state));
    part.update(state);
  };
  update(app.state);
  return {
    title: app.t("home.title"),
    look: "wide",
    body: [
      el("div.columns",
        el("section", { "aria-labelledby": "fresh" }, el("h2", { id: "fresh" }, app.t("home.fresh")), lead, card, part.element),
        el("section", { "aria-labelledby": "ways" }, el("h2", { id: "ways" }, app.t("home.ways")), ways(app))),
    ],
    foot: [door("#/scan", app.t("scan.go"), "main"), button(app.t("shift.end"), ({ currentTarget }) => endShift(app, currentTarget), "plain")],
    update,
  };
}

function ways(app) {
  const way = (name, at = name) => [SIGN[at], app.t(`${at}.title`), app.t(`${at}.about`), `#/${name}`];
  return doors(way("manual"), way("challenge"), way("training"), way("selftest"), way("trust"), way("log"), way("settings"),
    [SIGN.guide, app.t("guide.title"), app.t("guide.about"), `guide/${app.words.language}/`]);
}

const SIGN = {
  manual: "keys", challenge: "ask", training: "learn", selftest: "test", trust: "key", log: "list", settings: "gear",
  guide: "guide",
};

async function endShift(app, source) {
  await app.run(source, async () => {
    app.forget();
    const state = await app.ask("DELETE", "shift", {});
    if (state) app.take(state);
  });
}

function rows(app, state) {
  const { freshness, version, now } = state;
  const { trust, lists, overlays, clock, log } = freshness;
  const made = [];
  const line = (name, state_, value, more) => made.push(row(app, name, state_, value, more));
  if (trust) {
    line("trust", trust.state, app.t("fresh.version", { version: trust.version }),
      app.t("fresh.issued", { at: app.words.moment(trust.issued_at), age: app.words.span(trust.age) }));
  }
  for (const [name, part] of [["lists", lists], ["overlays", overlays]]) {
    if (!part) continue;
    const missing = part.missing ? app.t("fresh.missing", { count: app.words.number(part.missing) }) : "";
    const oldest = part.oldest && app.t("fresh.oldest", { at: app.words.moment(part.oldest), age: app.words.span(part.age) });
    line(name, part.state, [app.t("fresh.count", { count: app.words.number(part.count) }), missing].filter(Boolean).join(" · "), oldest);
  }
  line("clock", clock.state, app.t(`clock.${clock.state}`), clockText(app, clock, now));
  if (log) {
    const waits = (log.unsent ?? 0) + (log.waiting ?? 0);
    const state_ = !log.on ? "unknown" : log.problem || log.missed ? "ageing" : "good";
    line("log", state_, log.on ? app.t("log.unsent", { count: app.words.number(waits) }) : app.t("log.off"),
      log.missed ? app.t("log.missed", { count: app.words.number(log.missed) }) : log.problem && plain(log.problem));
  }
  line("software", "good", plain(version), null);
  return made;
}

/** Behind, the data itself says from when at least it must be. */
function clockText(app, { state, floor }, now) {
  const shown = app.words.moment(now);
  return state === "behind" ? app.t("clock.floor", { now: shown, floor: app.words.moment(floor) }) : shown;
}

function row(app, name, state, value, more) {
  const label = name === "software" || name === "log" ? null : app.t(`state.${state}`);
  return el(`li.fresh-${state}`, sign(SIGNS[state] ?? "unknown"),
    el("div", el("span.fresh-name", app.t(`fresh.${name}`)), el("strong", value), more && el("small", more)),
    label && el("span.fresh-state", label));
}

/**
 * @returns {{element: HTMLElement, update: (state: object) => void}} UPDATE, by network or file, what it is doing, and
 *   what it has done: the versions before and after.
 */
export function updating(app) {
  const said = el("div", { "aria-live": "polite" });
  const over = button(app.t("update"), ({ currentTarget }) => app.run(currentTarget, () => overNetwork(app)));
  const file = el("input", {
    type: "file", id: "bundle", accept: ".zip,application/zip", class: "file",
    onchange: ({ target }) => target.files.length && app.run(target, () => fromFile(app, target)),
  });
  const element = el("div.updating", actions(over, el("label.button.plain", { for: "bundle" }, app.t("update.file"), file)), said);
  let before = "";
  const update = ({ freshness: { update: told } }) => {
    const key = JSON.stringify([told, app.words.language]);
    over.hidden = !told?.source;
    if (key === before) return;
    before = key;
    over.setAttribute("aria-disabled", String(told?.running === true));
    said.replaceChildren(...(told ? report(app, told) : []));
  };
  return { element, update };
}

function report(app, { source, running, progress, last }) {
  if (running) return [notice("info", app.t("update.running"), progress && plain(progress))];
  if (!last) return source ? [] : [el("p.hint", app.t("update.nosource"))];
  const at = app.words.moment(last.at);
  if (last.error) return [notice("warn", el("p", el("strong", app.t("update.failed", { at }))), app.t("update.failed.do"), el("p.detail", plain(last.error)))];
  const versions = { at, before: last.before ?? "–", after: last.after ?? "–" };
  const what = last.before === last.after && !last.changed ? "update.same" : "update.done";
  const problems = (last.problems ?? []).map((each) => el("li", plain(each)));
  return [notice("info", el("p", el("strong", app.t(what, versions))), problems.length > 0 && app.t("update.problems"),
    problems.length > 0 && el("ul", ...problems))];
}

async function overNetwork(app) {
  const state = await app.ask("POST", "update");
  if (state) await app.refresh();
}

async function fromFile(app, input) {
  const [file] = input.files;
  input.value = "";
  if (file.size > MAX_FILE) throw new Error("too large");
  await ask("POST", "update/file", new Blob([file], { type: "application/zip" }), { patience: LONG });
  await app.refresh();
}
