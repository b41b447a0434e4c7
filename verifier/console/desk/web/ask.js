/** One passenger: what is known, one question, one answer. */

import { Gone, Refused, tell } from "./console/api.js";
import { el } from "./console/dom.js";
import { button, choice, field, form, notice, sign, submit } from "./console/screens/parts.js";
import { Lines } from "./console/imager.js";
import { answerView } from "./answer.js";
import { codeOf, Eye, OURS } from "./reading.js";

/** Milliseconds after which there is no answer: nobody waits longer at a counter. */
const PATIENCE = 3_000;
/** Characters that an imager may write into a field, whichever it is. */
const LONGEST = "9000";

export class Asking {
  #app;
  #code = null;
  #earlier = "";
  /** Destination and day, which the next passenger has too. */
  #known = {};
  #lines = new Lines();
  #isBusy = false;

  constructor(app) {
    this.#app = app;
    this.element = el("div.asking-place");
    this.#draw();
  }

  leave() {
    this.eye?.close();
    clearTimeout(this.masking);
  }

  enter() {
    this.element.querySelector("h1").focus({ preventScroll: true });
  }

  /** From an imager, wherever the cursor is. */
  scanned({ text, mrz }) {
    // While an answer is shown, this is the next passenger of the same flight.
    if (!this.passport) this.#draw(this.#known);
    if (mrz) this.#readPassport(mrz);
    else this.#readCode(text);
  }

  // The question.

  #draw({ destination, arrival, earlier = "" } = {}) {
    this.leave();
    const { state, words } = this.#app;
    this.#code = null;
    this.#earlier = earlier;
    const places = [["", this.#app.t("ask.destination.none")], ...words.economies()];
    const chosen = destination ?? this.#app.remembered.destination ?? "";
    this.destination = choice(this.#app.t("ask.destination"), "destination", places, chosen);
    this.arrival = field(this.#app.t("ask.arrival"), { id: "arrival", type: "date", required: true, value: arrival ?? state.today[chosen] ?? "" },
      this.#app.t("ask.arrival.hint"));
    this.destination.input.addEventListener("change", () => this.#destined());
    this.problem = el("p.problem.wrong", { id: "problem", role: "alert" });
    this.element.replaceChildren(
      el("h1", { id: "title", tabindex: "-1" }, this.#app.t(earlier ? "ask.earlier" : "ask.title")),
      earlier ? notice("info", this.#app.t("ask.again")) : "",
      form(() => this.#ask(), el("div.asking",
        el("section.part.whole", el("div.pair", this.destination.row, this.arrival.row)),
        this.#codePart(), this.#passportPart()),
      this.problem, el("div.foot", submit(this.#app.t("ask.send"), "main"), button(this.#app.t("ask.clear"), () => this.#clear(), "plain"))));
  }

  #clear() {
    this.#draw();
    this.enter();
  }

  #destined() {
    const code = this.destination.input.value;
    this.#app.remember({ destination: code });
    const today = this.#app.state.today[code];
    // A day that is over there can only be a slip.
    if (today && this.arrival.input.value < today) this.arrival.input.value = today;
  }

  #codePart() {
    const t = (key) => this.#app.t(key);
    this.eye = new Eye(this.#app, (text) => this.#readCode(text), (key) => this.#complain(key));
    const picture = el("input", {
      type: "file", accept: "image/*", class: "file", id: "picture", onchange: ({ target }) => this.#fromPicture(target),
    });
    const typed = field(t("ask.code.field"), { id: "code", type: "text", class: "code-text", maxlength: LONGEST, autocapitalize: "off" }, t("ask.code.field.hint"));
    const take = () => {
      const text = typed.input.value;
      typed.input.value = "";
      if (text) this.#fromField(text);
    };
    typed.input.addEventListener("change", take);
    typed.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || typed.input.value === "") return;
      event.preventDefault();
      take();
    });
    this.readNote = el("div");
    return el("section.part", el("h2", sign("scan"), t("ask.code")), el("p.hint", t("ask.code.lead")), this.readNote, this.eye.element,
      el("div.ways", button(t("ask.code.camera"), () => this.eye.open(), "plain"),
        el("label.button.plain", { for: "picture" }, sign("picture"), t("ask.code.picture"), picture)), typed.row);
  }

  #passportPart() {
    this.passport = field(this.#app.t("ask.passport.field"), {
      id: "mrz", class: "mrz", rows: "3", maxlength: LONGEST, autocapitalize: "characters", dir: "ltr",
    }, this.#app.t("ask.passport.hint"), "textarea");
    // An imager writes where the cursor is: a code does not belong here.
    this.passport.input.addEventListener("input", ({ target }) => {
      const lines = target.value.split("\n");
      const code = lines.find((line) => OURS.test(line));
      if (code === undefined || !target.value.endsWith("\n")) return;
      target.value = lines.filter((line) => line !== code).join("\n");
      this.#readCode(code);
    });
    const earlier = field(this.#app.t("ask.earlier.field"), { id: "earlier", maxlength: "24", class: "number", value: this.#earlier }, this.#app.t("ask.earlier.hint"));
    this.earlier = earlier.input;
    return el("section.part", el("h2", sign("passport"), this.#app.t("ask.passport")), this.passport.row,
      el("details", { open: Boolean(this.#earlier) }, el("summary", this.#app.t("ask.earlier")), earlier.row));
  }

  // What is read.

  #fromField(text) {
    const scan = this.#lines.add(text);
    if (scan) this.scanned(scan);
  }

  async #fromPicture(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    const { text, problem } = await codeOf(file);
    if (problem) this.#complain(problem);
    else this.#readCode(text);
  }

  #readPassport(mrz) {
    this.passport.input.value = mrz;
    this.#complain("");
    this.#askWhenWhole();
  }

  #readCode(text) {
    if (!OURS.test(text)) return this.#complain("error.nocode");
    this.eye.close();
    this.#complain("");
    this.#code = { text, at: new Date() };
    const time = this.#app.words.clock(this.#code.at, Intl.DateTimeFormat().resolvedOptions().timeZone);
    const said = this.#app.t("ask.code.read", { time });
    this.readNote.replaceChildren(notice("info", el("p", el("strong", said)), button(this.#app.t("ask.code.drop"), () => this.#dropCode(), "quiet")));
    this.#app.say(said);
    return this.#askWhenWhole();
  }

  #dropCode() {
    this.#code = null;
    this.readNote.replaceChildren();
  }

  #askWhenWhole() {
    const isWhole = this.#code && this.passport.input.value.trim() && this.destination.input.value && this.arrival.input.value;
    if (isWhole) this.#ask();
  }

  // The answer.

  async #ask() {
    const question = this.#question();
    if (question === null || this.#isBusy) return;
    this.#isBusy = true;
    try {
      this.#show(await tell("POST", "answers", question, { patience: PATIENCE }), question);
    } catch (error) {
      this.#failed(error, question);
    } finally {
      this.#isBusy = false;
    }
  }

  #question() {
    const [destination, arrival] = [this.destination.input.value, this.arrival.input.value];
    const mrz = this.passport.input.value.trim();
    if (!destination) return this.#complain("error.destination", this.destination.input);
    if (!arrival) return this.#complain("error.arrival", this.arrival.input);
    if (!this.#code && !mrz) return this.#complain("error.nothing", this.passport.input);
    return {
      destination, arrival,
      code: this.#code?.text ?? null,
      code_read_at: this.#code ? this.#code.at.toISOString() : null,
      passport: mrz ? { mrz } : null,
      previous: this.earlier.value.trim() || null,
    };
  }

  #failed(error, question) {
    if (error instanceof Gone) return this.#show(null, question);
    if (!(error instanceof Refused)) throw error;
    if (error.code === "passport.unreadable") {
      const { line, column } = error.more;
      this.#complain(line && column ? "error.mrz" : "error.mrz.whole", this.passport.input, { line, column });
    } else if (error.status === 401) this.#complain("error.session");
    else this.#complain("error.refused", null, { code: error.code });
    return undefined;
  }

  /** What was read of the traveller goes with the question: the page keeps the answer. */
  #show(answer, question) {
    const again = { destination: question.destination, arrival: question.arrival };
    this.leave();
    this.passport = null;
    [this.#code, this.#known] = [null, again];
    const { element, mask } = answerView(this.#app, answer, question, {
      next: () => this.#restart(again),
      recheck: () => this.#restart({ ...again, earlier: answer?.reference ?? "" }),
    });
    this.element.replaceChildren(element);
    this.masking = mask;
    element.querySelector("h1").focus();
  }

  #restart(known) {
    this.#draw(known);
    this.enter();
  }

  #complain(key, at = null, values = {}) {
    this.problem.textContent = key ? this.#app.t(key, values) : "";
    for (const each of this.element.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    if (at) {
      at.setAttribute("aria-invalid", "true");
      at.focus();
    }
    return null;
  }
}
