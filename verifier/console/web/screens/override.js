/** What an officer decides otherwise than the verdict says, and why: it is recorded. */

import { el } from "../dom.js";
import { Expiry } from "../expiry.js";
import { band, countdown } from "./verdict.js";
import { actions, button, choice, field, form, notice, segments, submit } from "./parts.js";

/** Reasons that the log knows; their words are the page's. */
const REASONS = ["face_differs", "passport_differs", "supervisor", "local_order", "technical", "other"];
const DECISIONS = ["admit", "refer", "refuse"];
/** Bytes of a note that the log takes. */
const NOTE = 120;

/** @returns {object} The screen. */
export function override(app) {
  const { answer } = app.result;
  const left = countdown(app);
  const expiry = new Expiry({
    stays: answer.expires_in, mask: answer.mask_in, ontick: left.show, onend: () => app.next(),
    onmask: () => (app.result.isMasked = true),
  });
  const decided = segments(app.t("override.decision"), "decision", DECISIONS.map((each) => [each, app.t(`decision.${each}`)]), "");
  const reason = choice(app.t("override.reason"), "reason",
    [["", app.t("override.choose")], ...REASONS.map((each) => [each, app.t(`override.reason.${each}`)])]);
  const note = field(app.t("override.note"), { id: "note", maxlength: `${NOTE}`, oninput: ({ target }) => shorten(target) },
    app.t("override.note.hint"));
  const missing = el("p.wrong", { role: "alert", hidden: true }, app.t("override.missing"));
  const send = (source, data) => {
    missing.hidden = Boolean(data.get("decision") && data.get("reason"));
    if (!missing.hidden) return data.get("decision") ? reason.input.focus() : decided.querySelector("input").focus();
    return app.run(source, async () => {
      const told = await app.ask("POST", `answers/${encodeURIComponent(answer.id)}/override`,
        { decision: data.get("decision"), reason: data.get("reason"), note: note.input.value.trim() });
      if (told === null) return;
      app.next();
      app.say(app.t("override.done"));
    });
  };
  return {
    title: app.t("override.title"),
    look: "narrow override",
    body: [
      band(app, answer), notice("info", app.t("override.lead")), left.element,
      form(send, decided, reason.row, note.row, missing,
        actions(submit(app.t("override.send")), button(app.t("cancel"), () => app.step("verdict"), "plain"))),
    ],
    enter: () => expiry.start(),
    leave: () => expiry.stop(),
  };
}

/** Letters of some scripts take three bytes each: what does not fit is not taken, so that nothing is refused later. */
function shorten(input) {
  const fits = (text) => new TextEncoder().encode(text).length <= NOTE;
  if (fits(input.value)) return;
  const letters = [...input.value];
  while (!fits(letters.join(""))) letters.pop();
  input.value = letters.join("");
}
