/** The console's page: which screen there is, what it knows, and when it forgets. */

import { Gone, Refused, tell } from "./api.js";
import { el } from "./dom.js";
import { SerialImager, Wedge } from "./imager.js";
import { challenge } from "./screens/challenge.js";
import { elsewhere, gone, locked, notReady, stranger } from "./screens/closed.js";
import { top } from "./screens/header.js";
import { home } from "./screens/home.js";
import { kiosk } from "./screens/kiosk.js";
import { log } from "./screens/log.js";
import { manual } from "./screens/manual.js";
import { notice } from "./screens/parts.js";
import { passport } from "./screens/passport.js";
import { compare } from "./screens/compare.js";
import { override } from "./screens/override.js";
import { verdict } from "./screens/verdict.js";
import { scan } from "./screens/scan.js";
import { selftest } from "./screens/selftest.js";
import { settings } from "./screens/settings.js";
import { shift } from "./screens/shift.js";
import { training } from "./screens/training.js";
import { trust } from "./screens/trust.js";
import { Settings } from "./settings.js";
import { Sounds } from "./sounds.js";
import { Trainee } from "./trainee.js";
import { chooseLanguage, loadWords } from "./words.js";

/** Milliseconds between questions about the state; a service that has stopped is noticed within one. */
const ASK = 1_500;
/** Screens by the name in the address. */
const SCREENS = { home, scan, passport, manual, log, trust, selftest, training, challenge, settings };
/** What a traveller's answer is shown as. */
const ANSWERS = { compare, verdict, override };
/** Screens that decide something about a traveller, which without whole data nobody can. */
const DECIDING = ["scan", "passport", "manual", "challenge"];

/** Screens between a question to a phone and its answer. */
const ASKING = ["challenge", "scan", "gone"];

export class Console {
  #turn = 0;
  #leave = () => {};
  #shown = "";
  #asking = null;
  #checking = null;

  constructor({ settings: kept, words }) {
    this.settings = kept;
    this.words = words;
    this.sounds = new Sounds(kept);
    this.trainee = new Trainee(this);
    /** As the service tells it; null before it has. */
    this.state = null;
    /** Why there is none: gone, stranger, elsewhere; null as long as there is. */
    this.closed = null;
    /** A passport that was read before the code: for one traveller. */
    this.held = null;
    /** What is shown of a traveller: the answer, which step of it, the code it was for. */
    this.result = null;
    /** The question on the officer's screen. */
    this.asked = null;
    /** At a kiosk: an officer has come. */
    this.isAttended = false;
    this.imager = new SerialImager((read) => this.#read(read));
    this.wedge = new Wedge(kept, (read) => this.#read(read));
    /** What takes scans now: a screen; null where none does. */
    this.onscan = null;
  }

  t(key, values) {
    return this.words.t(key, values);
  }

  async start() {
    addEventListener("hashchange", () => {
      // An answer that comes after the officer has gone on is nobody's.
      this.#turn++;
      this.render();
    });
    addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.#hide());
    addEventListener("pagehide", () => this.#hide());
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.sounds.wake(), { once: true });
    await this.refresh();
    this.#plan();
  }

  #plan() {
    setTimeout(async () => {
      await this.refresh();
      this.#plan();
    }, ASK);
  }

  // What the service says.

  /** Ask for the state; the screen follows it. */
  async refresh() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
  }

  async #ask() {
    try {
      this.take(await tell("GET", "state"));
    } catch (error) {
      this.#lost(error);
    }
  }

  /** @param {object} state As the service tells it, after whatever was asked of it. */
  take(state) {
    if (state.taken_over) return this.close("elsewhere");
    const was = this.closed;
    this.state = state;
    this.closed = null;
    if (!state.shift || state.locked) this.forget();
    if (state.imager && state.shift && !state.locked) this.imager.start();
    else this.imager.stop();
    return this.render({ isNew: was !== null });
  }

  /** What an error says about the service as a whole; any other is the screen's. */
  #lost(error) {
    if (error instanceof Gone) return this.close("gone");
    if (!(error instanceof Refused)) throw error;
    if (error.code === "session.elsewhere") return this.close("elsewhere");
    if (error.status === 401 || error.code === "session.none") return this.close("stranger");
    return false;
  }

  /** The console is not to be used: nothing of a traveller stays, and no verdict of before. */
  close(why) {
    this.forget();
    this.imager.stop();
    const isNew = this.closed !== why;
    this.closed = why;
    this.render({ isNew });
    return true;
  }

  /**
   * Ask the service; when it has gone, its screen comes instead of an answer.
   *
   * @returns {Promise<any>} What it says; null where the console was closed meanwhile.
   * @throws {Refused} Anything that is the caller's.
   */
  async ask(method, path, body, how) {
    try {
      return await tell(method, path, body, how);
    } catch (error) {
      if (this.#lost(error) || error instanceof Gone) return null;
      if (["session.locked", "shift.none"].includes(error.code)) {
        await this.refresh();
        return null;
      }
      throw error;
    }
  }

  // One traveller.

  /**
   * Have a code decided, and show what came of it.
   *
   * @param {string} code Exactly as it was read.
   * @param {{mrz: string} | null} [passport] What was read of the passport; by default, what was before.
   */
  async check(code, passport = this.held && { mrz: this.held.mrz }) {
    const turn = ++this.#turn;
    const question = this.asked?.id ?? null;
    this.say("");
    const answer = await this.ask("POST", "check", { code, passport, challenge: question }).catch((error) => this.#refused(error));
    // Somebody has gone on meanwhile: a late answer is nobody's.
    if (answer === null || turn !== this.#turn) return;
    this.asked = null;
    this.held = null;
    this.show(answer, { code });
  }

  #refused(error) {
    if (error.code === "challenge.gone") this.asked = null;
    this.render({ isNew: true });
    this.#toast(this.problem(error));
    return null;
  }

  /** @param {object} answer Of the service. @param {{code?: string, step?: string}} [more] What it was for, what to show. */
  show(answer, { code = this.result?.code ?? null, step } = {}) {
    this.#turn++;
    const isToCompare = answer.outcome === "accepted" && answer.person !== null && !this.#isForTraveller;
    this.result = { answer, code, step: step ?? (isToCompare ? "compare" : "verdict"), isMasked: false };
    this.onscan = null;
    this.#checkPassport(answer);
    if (location.hash !== "#/result") location.hash = "#/result";
    this.render({ isNew: true });
  }

  /** Have the passport checked by who issued it; the officer compares meanwhile, and waits for nothing. */
  async #checkPassport({ id, outcome, course, person, passport_check: known }) {
    if (!this.state?.passports || outcome !== "accepted" || course || !person || known || this.#checking === id) return;
    this.#checking = id;
    const told = await this.ask("POST", `answers/${encodeURIComponent(id)}/passport-check`).catch(() => null);
    if (this.#checking === id) this.#checking = null;
    const now = this.result;
    // Somebody has gone on meanwhile, or found that it is somebody else.
    if (!told?.passport_check || now?.answer.id !== told.id || now.answer.outcome !== "accepted") return;
    if (told.outcome !== "accepted") return this.show(told, { code: now.code, step: "verdict" });
    now.answer = told;
    if (now.step === "verdict") this.render({ isNew: true });
  }

  /** Whether the passport of the answer on the screen is being asked about. */
  get isCheckingPassport() {
    return this.#checking !== null && this.#checking === this.result?.answer.id;
  }

  get #isForTraveller() {
    return this.state?.kiosk && !this.isAttended;
  }

  /** Show another step of the same answer. */
  step(step) {
    this.result.step = step;
    this.render({ isNew: true });
  }

  /** Nothing personal stays: not here, not at the service. */
  forget() {
    const id = this.result?.answer.id;
    this.#turn++;
    this.result = this.held = null;
    if (id) tell("POST", `answers/${encodeURIComponent(id)}/done`).catch(() => {});
  }

  /** The next traveller. */
  next() {
    const isCourse = this.result?.answer.course;
    this.forget();
    this.go(isCourse ? "training" : "scan");
  }

  #hide() {
    if (this.result === null && this.held === null) return;
    this.forget();
    this.render();
  }

  #read(read) {
    if (this.closed || !this.state?.shift || this.state.locked || document.querySelector("dialog[open]")) return;
    if (this.onscan) this.onscan(read);
    // From an answer the next traveller is one scan away, if it is not to be compared still.
    else if (this.result?.step === "verdict" && !this.result.answer.course && read.text && !this.#isForTraveller) {
      this.forget();
      this.check(read.text);
    }
  }

  // Screens.

  go(name) {
    if (location.hash === `#/${name}`) this.render({ isNew: true });
    else location.hash = `#/${name}`;
  }

  async setLanguage(language) {
    const { officer } = this.state?.shift ?? { officer: "" };
    this.words = await loadWords(language);
    this.settings.put({ languages: { ...this.settings.get("languages"), [officer]: language, "": language } });
    this.render({ isNew: true });
  }

  /** Officers read in the language in which they read last, whoever was here between. */
  async followOfficer() {
    const wanted = this.settings.get("languages")[this.state?.shift?.officer];
    if (wanted && wanted !== this.words.language) await this.setLanguage(wanted);
  }

  /** @returns {string} Which screen there has to be. */
  #name() {
    if (this.closed) return this.closed;
    if (this.state === null) return "loading";
    if (!this.state.shift) return "shift";
    if (this.state.locked) return "locked";
    const [, wanted = ""] = /^#\/([a-z]+)$/.exec(location.hash) ?? [];
    if (wanted === "result" && this.result) return this.#isForTraveller ? "kiosk" : this.result.step;
    if (this.#isForTraveller) return "kiosk";
    if (!this.state.freshness.ready && (DECIDING.includes(wanted) || !Object.hasOwn(SCREENS, wanted))) return "notready";
    return Object.hasOwn(SCREENS, wanted) ? wanted : "scan";
  }

  /** Draw the screen that there has to be; one that is there already is only told of the state. */
  render({ isNew = false } = {}) {
    const name = this.#name();
    this.#header(name);
    if (this.result && !Object.hasOwn(ANSWERS, name) && name !== "kiosk" && name !== this.result.step) this.forget();
    // Of what is there then: else the next word of the service would draw the screen again, and empty what is typed into it.
    const key = `${name} ${this.result?.answer.id ?? ""}`;
    if (key === this.#shown && !isNew) return this.view?.update?.(this.state);
    // A question whose answer nobody went to scan is not held against the next traveller.
    if (!ASKING.includes(name)) this.asked = null;
    this.#leave();
    this.onscan = null;
    // What was said of a traveller must not be read again, nor by somebody else.
    this.announce("");
    this.say("");
    const view = BY_NAME[name](this);
    this.view = view;
    this.#leave = view.leave ?? (() => {});
    this.#shown = key;
    this.#place(name, view);
    return undefined;
  }

  #header(name) {
    const header = document.querySelector("header.top");
    const made = top(this, name);
    header.hidden = !made;
    if (made?.dataset.of === header.dataset.of) return;
    if (made) header.dataset.of = made.dataset.of;
    else delete header.dataset.of;
    const focused = [...header.querySelectorAll("a, button")].indexOf(document.activeElement);
    header.replaceChildren(...(made ? made.children : []));
    if (focused >= 0) header.querySelectorAll("a, button")[focused]?.focus();
  }

  #place(name, { title, body, foot, look, training: isCourse }) {
    const isTraining = isCourse || this.state?.training;
    const main = document.querySelector("main");
    const heading = el("h1", { tabindex: "-1", id: "title" }, title);
    document.title = `${title} – ${this.t("app.name")}`;
    document.body.dataset.screen = name;
    document.body.classList.toggle("training", Boolean(isTraining));
    document.body.classList.toggle("kiosk", Boolean(this.state?.kiosk));
    main.className = look ?? "";
    main.replaceChildren(...[
      isTraining && el("p.training-mark", this.t("training.mark")), heading, el("div.problem", { role: "alert" }), ...body,
      foot?.length && el("div.foot", ...foot),
    ].filter(Boolean));
    scrollTo(0, 0);
    heading.focus({ preventScroll: true });
    this.view.enter?.();
  }

  // Saying things.

  /** @param {string} text What everybody has to know at once; read aloud, over anything else, once. */
  announce(text) {
    document.querySelector(".said[role=alert]").textContent = text;
  }

  /** @param {string} text What goes on; read aloud when there is a pause. */
  say(text) {
    document.querySelector(".said[role=status]").textContent = text;
  }

  #toast(...content) {
    document.querySelector("main .problem")?.replaceChildren(...content);
  }

  /** Do what a button asks, once at a time; what goes wrong is said above the screen. */
  async run(source, work) {
    if (source?.getAttribute("aria-disabled") === "true") return;
    source?.setAttribute("aria-disabled", "true");
    this.#toast();
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error);
      this.#toast(this.problem(error));
    } finally {
      source?.removeAttribute("aria-disabled");
    }
  }

  /** @returns {HTMLElement} What happened, what to do, and the code of it. */
  problem(error) {
    const code = error instanceof Refused ? error.code || `http.${error.status}` : error.name;
    const key = `error.${code}`;
    const known = this.words.has(key) ? key : "error.other";
    return notice("warn", el("p", el("strong", this.t(known))), this.words.has(`${known}.do`) && this.t(`${known}.do`),
      el("p.detail", code));
  }
}

const BY_NAME = {
  ...SCREENS, ...ANSWERS, gone, stranger, elsewhere, locked, notready: notReady, shift, kiosk,
  loading: (app) => ({ title: app.t("app.name"), body: [el("p.lead", app.t("loading"))] }),
};

async function begin() {
  const kept = new Settings();
  const wanted = kept.get("languages")[""];
  const language = chooseLanguage(wanted ? [wanted] : navigator.languages);
  const words = await loadWords(language).catch(() => loadWords("en")).catch(() => null);
  // Without a word to say, wait for the service: it may be starting.
  if (words === null) return void setTimeout(begin, ASK);
  await new Console({ settings: kept, words }).start();
}

await begin();
