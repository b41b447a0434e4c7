/** The ordinary code, for everybody who scans it. */

import { el } from "../dom.js";
import { Live } from "./live.js";
import { actions, button, door, notice } from "./parts.js";

/** @returns {Promise<object>} The screen. */
export async function show(app, card) {
  const t = app.t.bind(app);
  const live = new Live(app, card, { label: t("show.label"), what: "shown" });
  const isNew = !(await app.store.setting("brightness"));
  return {
    title: "show.title",
    look: "showing",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [...live.parts, actions(door(app.to("answer", card), t("show.answer"), "quiet")), isNew && brightness(app)],
    enter: () => live.enter(),
    leave: () => live.leave(),
  };
}

function brightness(app) {
  const box = notice("info", app.t("show.brightness"),
    button(app.t("show.brightness.ok"), () => {
      box.remove();
      app.store.putSetting("brightness", "told");
    }, "plain"));
  return box;
}
