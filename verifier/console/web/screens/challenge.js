/** Challenge: a question for one phone, here and now, so that no picture from elsewhere can answer. */

import { el } from "../dom.js";
import { actions, button, notice } from "./parts.js";
import { clearCode, drawCode } from "../code.js";

/** Milliseconds between looks at the clock. */
const LOOK = 500;

/** @returns {object} The screen. */
export function challenge(app) {
  const canvas = el("canvas", { role: "img", "aria-label": app.t("challenge.code") });
  const paper = el("div.paper", canvas);
  const left = el("p.challenge-left", { role: "timer" });
  let timer = 0;
  let isLeft = false;
  const go = button(app.t("challenge.scan"), () => app.go("scan"), "main");
  const renew = ({ currentTarget } = {}) => app.run(currentTarget, async () => {
    const asked = await app.ask("POST", "challenge");
    // One that comes after its officer has gone on is for no phone: the next traveller has not seen it.
    if (asked === null || isLeft) return;
    app.asked = asked;
    const ends = performance.now() + Date.parse(asked.expires_at) - Date.parse(app.state.now);
    drawCode(canvas, asked.text, { ecc: "medium" });
    go.hidden = false;
    clearInterval(timer);
    timer = setInterval(() => count(ends), LOOK);
    count(ends);
  });
  const count = (ends) => {
    const seconds = Math.ceil((ends - performance.now()) / 1000);
    left.textContent = seconds > 0 ? app.t("challenge.left", { seconds: app.words.seconds(seconds) }) : app.t("challenge.over");
    if (seconds > 0) return;
    clearInterval(timer);
    app.asked = null;
    go.hidden = true;
    clearCode(canvas);
  };
  const body = [
    notice("info", app.t("challenge.lead")),
    el("ol.steps", ...["one", "two", "three"].map((each) => el("li", app.t(`challenge.${each}`)))),
    paper, left,
    actions(button(app.t("challenge.renew"), renew, "plain"), button(app.t("cancel"), () => {
      app.asked = null;
      app.go("scan");
    }, "plain")),
  ];
  const leave = () => {
    isLeft = true;
    clearInterval(timer);
  };
  return { title: app.t("challenge.title"), look: "narrow challenge", body, foot: [go], enter: () => renew(), leave };
}
