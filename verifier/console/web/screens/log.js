/** The log: how many of what, and never who. */

import { ask } from "../api.js";
import { el, plain } from "../dom.js";
import { actions, button, door, facts, notice } from "./parts.js";

const LONG = 60_000;

/** @returns {object} The screen. */
export function log(app) {
  const place = el("div", el("p.lead", app.t("loading")));
  const said = el("div", { "aria-live": "polite" });
  const load = async () => {
    const told = await app.ask("GET", "log");
    if (told) place.replaceChildren(...shown(app, told));
  };
  const send = ({ currentTarget }) => app.run(currentTarget, async () => {
    const told = await app.ask("POST", "log/send", {}, { patience: LONG });
    if (told === null) return;
    said.replaceChildren(notice("info", app.t("log.sent")));
    await load();
  });
  const keep = ({ currentTarget }) => app.run(currentTarget, async () => {
    const isKept = await exported();
    said.replaceChildren(notice("info", app.t(isKept ? "log.exported" : "log.nothing")));
    await load();
  });
  const { on: isOn, problem } = app.state.freshness.log;
  const ways = isOn ? [button(app.t("log.export"), keep), button(app.t("log.send"), send, "plain")] : [];
  if (!isOn) place.replaceChildren(notice("warn", app.t("log.off.do"), problem && el("p.detail", plain(problem))));
  return {
    title: app.t("log.title"),
    body: [el("p.lead", app.t("log.lead")), said, place, actions(...ways, door("#/home", app.t("home.title"), "plain"))],
    enter: () => isOn && app.run(null, load),
  };
}

function shown(app, told) {
  const { words } = app;
  const days = Object.entries(told.days ?? {}).sort(([one], [other]) => (one < other ? 1 : -1));
  const made = [facts([app.t("log.waits"), words.number((told.unsent ?? 0) + (told.waiting ?? 0))],
    [app.t("log.lost"), told.missed ? words.number(told.missed) : null])];
  if (told.problem) made.push(notice("warn", plain(told.problem)));
  if (!days.length) made.push(el("p.empty", app.t("log.empty")));
  return [...made, ...days.map(([day, counts]) => dayOf(app, day, counts))];
}

function dayOf(app, day, counts) {
  const rows = Object.entries(counts).sort(([, one], [, other]) => other - one);
  const head = el("tr", el("th", { scope: "col" }, app.t("log.code")), el("th.count", { scope: "col" }, app.t("log.count")));
  return el("section.day", el("h2", app.words.day(day)), el("table", el("thead", head), el("tbody", ...rows.map(([code, count]) => el("tr",
    el("th", { scope: "row" }, el("code", plain(code)), el("small", meaning(app, code))), el("td.count", app.words.number(count)))))));
}

/** Outcomes, what officers decided and why, and reason codes stand in one list. */
function meaning(app, code) {
  const [, own] = /^officer\.(.+)$/.exec(code) ?? [];
  for (const key of [`log.outcome.${code}`, `decision.${own}`, `override.reason.${own}`]) if (app.words.has(key)) return app.t(key);
  return app.words.reason(code).what;
}

/** Let the browser keep what is new; false where there is nothing. */
async function exported() {
  const response = await ask("POST", "log/export", {}, { patience: LONG });
  if (!response.headers.has("Content-Disposition")) return false;
  const name = /filename="?([\w.-]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "abtc-log.bin";
  const address = URL.createObjectURL(await response.blob());
  const link = el("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), LONG);
  return true;
}
