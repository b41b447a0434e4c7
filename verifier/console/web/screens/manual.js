/** Numbers typed by hand: they prove nothing, and the answer says so. */

import { el } from "../dom.js";
import { actions, choice, door, field, form, notice, submit } from "./parts.js";

/** @returns {object} The screen. */
export function manual(app) {
  const economies = [["", app.t("manual.choose")], ...app.words.economies()];
  const economy = choice(app.t("person.economy"), "economy", economies);
  const letters = { autocapitalize: "characters", maxlength: "24", class: "number" };
  const document_ = field(app.t("person.document_number"), { id: "document", ...letters }, app.t("manual.document.hint"));
  const passport = field(app.t("person.passport"), { id: "passport", ...letters }, app.t("manual.passport.hint"));
  const missing = el("p.wrong", { role: "alert", hidden: true }, app.t("manual.missing"));
  const check = (source, data) => {
    const [code, number, pass] = ["economy", "document", "passport"].map((name) => data.get(name).trim());
    const empty = [[code, economy], [number, document_], [pass, passport]].find(([value]) => !value);
    missing.hidden = !empty;
    if (empty) return empty[1].input.focus();
    return app.run(source, async () => {
      const wanted = { economy: code, document_number: number.toUpperCase(), passport_number: pass.toUpperCase() };
      const answer = await app.ask("POST", "manual", wanted);
      if (answer) app.show(answer, { code: null });
    });
  };
  return {
    title: app.t("manual.title"),
    look: "narrow",
    body: [
      notice("warn", app.t("manual.lead")),
      form(check, economy.row, document_.row, passport.row, el("p.hint", app.t("manual.alike")), missing,
        actions(submit(app.t("manual.check")), door("#/scan", app.t("cancel")))),
    ],
    enter: () => economy.input.focus(),
  };
}
