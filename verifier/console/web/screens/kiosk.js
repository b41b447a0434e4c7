/** Without staff: a traveller scans, is sent on or asked to wait, and reads no more about the card than that. */

import { el } from "../dom.js";
import { Expiry } from "../expiry.js";
import { shape } from "../looks.js";
import { scan } from "./scan.js";
import { button, confirmed, field, sign } from "./parts.js";

/** @returns {object} The screen: the camera, or what came of it. */
export function kiosk(app) {
  return app.result ? answered(app) : scanning(app);
}

function scanning(app) {
  app.settings.put({ facing: "user" });
  const view = scan(app);
  const whole = () => document.documentElement.requestFullscreen?.().catch(() => {});
  return {
    ...view,
    title: app.t("kiosk.title"),
    look: "kiosk-scan scan",
    body: [el("p.lead", app.t("kiosk.lead")), ...view.body],
    foot: [button(el("span", sign("bell"), app.t("kiosk.call")), ({ currentTarget }) => call(app, currentTarget), "main"),
      button(app.t("kiosk.whole"), whole, "plain"), button(app.t("kiosk.officer"), () => attend(app), "plain")],
  };
}

/** Nothing but the way on: why is between the officer and the traveller. */
function answered(app) {
  const { answer } = app.result;
  const isGood = answer.look === "accepted";
  const expiry = new Expiry({
    stays: isGood ? answer.expires_in : null, isFixed: true, mask: answer.mask_in, ontick: () => {},
    onmask: () => (app.result.code = null), onend: () => app.next(),
  });
  const text = app.t(isGood ? "kiosk.go" : "kiosk.wait");
  const more = app.t(isGood ? "kiosk.go.do" : "kiosk.wait.do");
  const again = answer.look === "not_live" ? button(app.t("kiosk.again"), () => app.next(), "plain") : null;
  return {
    title: text,
    look: "kiosk-answer",
    body: [el(`div.band.look-${isGood ? "accepted" : "by_hand"}`, shape(isGood ? "accepted" : "by_hand"),
      el("div", el("p.word", text), el("p.why", more)))],
    foot: [!isGood && button(app.t("kiosk.officer"), () => attend(app), "main"), again].filter(Boolean),
    enter: () => {
      expiry.start();
      app.sounds.play(isGood ? "accepted" : "by_hand");
      app.announce(`${text}. ${more}`);
    },
    leave: () => expiry.stop(),
  };
}

/** Somebody has to hear it, whatever the volume was turned to. */
function call(app, source) {
  app.sounds.play("by_hand");
  source.replaceChildren(sign("bell"), app.t("kiosk.called"));
  app.announce(app.t("kiosk.called"));
}

/** An officer has come: what the traveller could not read is shown, if the PIN is right. */
async function attend(app) {
  const pin = app.state.pin_needed ? field(app.t("shift.pin"), { id: "pin", type: "password", inputmode: "numeric" }) : null;
  if (!(await confirmed([app.t("kiosk.officer.question")], { yes: app.t("kiosk.officer"), no: app.t("cancel") }, pin?.row))) return;
  await app.run(null, async () => {
    if ((await app.ask("POST", "unlock", pin ? { pin: pin.input.value } : {})) === null) return;
    app.isAttended = true;
    if (app.result) app.show(app.result.answer);
    else app.go("home");
  });
}
