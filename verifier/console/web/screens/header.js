/** The line above every screen: who and where, how old the data is, and the lock. */

import { el } from "../dom.js";
import { confirmed, field, segments, sign } from "./parts.js";

/** What the worst of the parts says. */
const ORDER = ["fresh", "ageing", "stale"];
const SIGNS = { fresh: "yes", ageing: "warn", stale: "stop", none: "stop" };

/** @returns {"fresh" | "ageing" | "stale" | "none"} How the data of this device is, as a whole. */
export function dataState({ ready, trust, lists, overlays, clock }) {
  if (!ready || !trust) return "none";
  const worst = Math.max(...[trust, lists, overlays].map((part) => ORDER.indexOf(part?.state ?? "stale")));
  return clock.state === "behind" ? "stale" : ORDER[worst];
}

/** @returns {HTMLElement | null} The line; null where nobody is on shift. */
export function top(app, name) {
  const { state, words } = app;
  if (app.closed || !state?.shift || state.locked || name === "kiosk") return null;
  const { lane, direction, officer } = state.shift;
  const data = dataState(state.freshness);
  const oldest = Math.max(0, ...["trust", "lists", "overlays"].map((part) => state.freshness[part]?.age ?? 0));
  const age = data === "none" ? app.t("data.none") : words.span(oldest);
  const mode = app.t(`direction.${direction}`);
  const key = JSON.stringify([words.language, lane, direction, officer, data, age, name]);
  return el("div", { "data-of": key },
    el("a.brand", { href: "#/home", "aria-label": app.t("home.title"), "aria-current": name === "home" ? "page" : false },
      sign("home"), el("span", app.t("home.short"))),
    el("button.chip", { type: "button", onclick: () => changeLane(app) },
      el("strong", app.t("lane.short", { lane })), el("span", mode), el("span.unseen", app.t("lane.chip"))),
    el(`a.data.data-${data}`, { href: "#/home" }, sign(SIGNS[data]), el("span", app.t("data.short", { age })),
      el("span.unseen", app.t(`data.${data}`))),
    el("button.tool", { type: "button", "aria-label": app.t("lock"), onclick: ({ currentTarget }) => app.run(currentTarget, () => lock(app)) },
      sign("lock"), el("span", app.t("lock"))));
}

async function lock(app) {
  app.forget();
  await app.ask("POST", "lock");
  await app.refresh();
}

/** Another lane or direction changes what every answer means: never by one touch. */
async function changeLane(app) {
  const { officer, lane, direction } = app.state.shift;
  const name = field(app.t("shift.lane"), { id: "new-lane", value: lane, maxlength: "16", required: true });
  const ways = segments(app.t("shift.direction"), "new-direction",
    ["entry", "exit"].map((way) => [way, app.t(`direction.${way}`)]), direction);
  const pin = app.state.pin_needed ? field(app.t("shift.pin"), { id: "new-pin", type: "password", inputmode: "numeric" }) : null;
  const more = el("div", name.row, ways, pin?.row);
  const texts = [app.t("lane.change"), app.t("lane.change.text")];
  if (!(await confirmed(texts, { yes: app.t("lane.change.yes"), no: app.t("cancel") }, more))) return;
  const wanted = { officer, lane: name.input.value.trim() || lane, direction: ways.querySelector("input:checked").value };
  if (wanted.lane === lane && wanted.direction === direction) return;
  await app.run(null, async () => {
    app.forget();
    if ((await app.ask("DELETE", "shift", {})) === null) return;
    const state = await app.ask("POST", "shift", { ...wanted, ...(pin ? { pin: pin.input.value } : {}) });
    if (state) app.take(state);
  });
  await app.refresh();
}
