/** When the code was shown: kept on this phone, or not at all. */

import { el, plain } from "../dom.js";
import { actions, button } from "./parts.js";

const MOST = 100;

/** @returns {Promise<object>} The screen. */
export async function activity(app, card) {
  const t = app.t.bind(app);
  const isOn = (await app.store.setting("activity")) !== "off";
  const events = (await app.store.activity()).filter((each) => each.card === card.id).reverse().slice(0, MOST);
  const again = (work) => ({ currentTarget }) => app.run(currentTarget, async () => {
    await work();
    await app.render();
  });
  return {
    title: "activity.title",
    back: { to: app.to("home", card), label: t("home.back") },
    body: [
      el("p.lead", t("activity.lead")),
      el("p.hint", t("activity.shared")),
      events.length > 0
        ? el("ul.rows", ...events.map(({ at, what, who }) => el("li", el("strong", t(`activity.${what}`)), el("span.known", [who && plain(who), app.words.time(at)].filter(Boolean).join(" · ")))))
        : el("p.empty", t(isOn ? "activity.none" : "activity.is_off")),
      actions(
        button(t(isOn ? "activity.off" : "activity.on"), again(() => app.store.putSetting("activity", isOn ? "off" : "on")), "plain"),
        events.length > 0 && button(t("activity.clear"), again(() => app.store.clearActivity()), "danger"),
      ),
    ],
  };
}
