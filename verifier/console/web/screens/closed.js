/** Screens on which nothing is decided: gone, strange, elsewhere, locked, without whole data. */

import { el } from "../dom.js";
import { actions, button, door, facts, field, form, notice, submit } from "./parts.js";
import { updating } from "./home.js";

/** The local service has stopped: nothing of before stays on the screen. */
export function gone(app) {
  return {
    title: app.t("gone.title"),
    look: "closed",
    body: [notice("stop", app.t("gone.text")), el("p.lead", app.t("gone.do")),
      actions(button(app.t("again"), ({ currentTarget }) => app.run(currentTarget, () => app.refresh())))],
  };
}

/** This browser was never let in, or the service was started anew. */
export function stranger(app) {
  return {
    title: app.t("stranger.title"),
    look: "closed",
    body: [notice("warn", app.t("stranger.text")), el("p.lead", app.t("stranger.do")),
      actions(button(app.t("again"), ({ currentTarget }) => app.run(currentTarget, () => app.refresh())))],
  };
}

/** Another browser has the console. */
export function elsewhere(app) {
  const take = ({ currentTarget }) => app.run(currentTarget, async () => {
    const state = await app.ask("POST", "take-over");
    if (state) app.take(state);
  });
  return {
    title: app.t("elsewhere.title"),
    look: "closed",
    body: [notice("warn", app.t("elsewhere.text")), el("p.lead", app.t("elsewhere.do")),
      actions(button(app.t("elsewhere.take"), take))],
  };
}

/** The officer is away; nothing personal is here. */
export function locked(app) {
  const { shift, pin_needed: isPinned } = app.state;
  const pin = isPinned && field(app.t("shift.pin"), {
    id: "pin", type: "password", inputmode: "numeric", autocomplete: "off", maxlength: "64",
  });
  const unlock = (source) => app.run(source, async () => {
    const state = await app.ask("POST", "unlock", isPinned ? { pin: pin.input.value } : {});
    if (state) app.take(state);
  });
  const end = ({ currentTarget }) => app.run(currentTarget, async () => {
    const state = await app.ask("DELETE", "shift", {});
    if (state) app.take(state);
  });
  return {
    title: app.t("locked.title"),
    look: "closed",
    body: [
      facts([app.t("shift.officer"), shift.officer], [app.t("shift.lane"), shift.lane]),
      form(unlock, pin && pin.row, actions(submit(app.t("locked.unlock")), button(app.t("shift.end"), end, "plain"))),
    ],
    enter: () => pin && pin.input.focus(),
  };
}

/** There is no whole set of data, so that no answer could be true. */
export function notReady(app) {
  const part = updating(app);
  const why = el("p.detail");
  const update = (state) => {
    why.textContent = state.freshness.problem ?? "";
    part.update(state);
  };
  update(app.state);
  return {
    title: app.t("notready.title"),
    body: [notice("warn", app.t("notready.text"), why), part.element,
      actions(door("#/training", app.t("training.title")), door("#/selftest", app.t("selftest.title")))],
    update: (state) => (state.freshness.ready ? app.go("scan") : update(state)),
  };
}
