/** A code on the screen: made anew every ten seconds, and never there when it is about to be refused. */

import { el } from "../dom.js";
import { Showing } from "../format/packing.js";
import { factsOf } from "../phone/facts.js";
import { sign as signWith } from "../phone/keys.js";
import encodeQR from "../vendor/qr/index.js";
import { clearCode, drawCode, fitCode } from "./drawing.js";
import { actions, button, maskedPassport, notice, personName, vector } from "./parts.js";

/** Seconds for which one code is shown. */
const EVERY = 10;
/** A verifier takes a proof for 45 seconds, and one whose clock is 15 ahead for 30; 20 of the 45 are to be left. */
const OLDEST = 25;
/** Milliseconds after which nobody is looking. */
const HIDDEN_AFTER = 180_000;
/** Milliseconds between looks at the clock. */
const LOOK = 250;
const RING = 20;

export class Live {
  #app;
  #card;
  #given;
  #showing;
  #timer = 0;
  #issuedAt = null;
  #since = 0;
  #isDrawing = false;
  #lock = null;

  /**
   * @param {object} app With clock, words and settings.
   * @param {object} card At step `held`.
   * @param {object} given What is shown.
   * @param {string} given.label What readers of screens say of it.
   * @param {"shown" | "answered"} given.what What stands in the activity.
   * @param {string} [given.challenge] Of an officer, to be answered.
   * @param {() => boolean} [given.isOver] Whether it ends; asked again and again while it is shown.
   */
  constructor(app, card, given) {
    const t = app.t.bind(app);
    this.#app = app;
    this.#card = card;
    this.#given = given;
    this.#showing = new Showing(card.text);
    const { holder, passport } = factsOf(card);
    this.canvas = el("canvas", { role: "img", "aria-label": given.label });
    this.ring = vector("circle", { cx: 24, cy: 24, r: RING, class: "ring-left" });
    this.left = el("span.ring-count", { "aria-hidden": "true" });
    this.warning = el("div.said");
    this.below = actions(button(t("show.hide"), () => this.#hide(), "plain"));
    this.again = button(t("show.again"), () => this.#begin());
    this.cover = el("div.cover", { hidden: true }, el("p", t("show.hidden")), this.again);
    this.parts = [
      this.warning,
      el("div.paper", this.canvas, this.cover),
      el("div.under", this.#countdown(), el("p.whose", el("strong", personName(holder)), el("span", maskedPassport(passport)))),
      thread(t("show.thread")),
      this.below,
    ];
  }

  enter() {
    addEventListener("blur", this.#hide);
    addEventListener("pagehide", this.#hide);
    addEventListener("resize", this.#fit);
    document.addEventListener("visibilitychange", this.#hide);
    this.#begin();
  }

  leave() {
    this.#hide();
    removeEventListener("blur", this.#hide);
    removeEventListener("pagehide", this.#hide);
    removeEventListener("resize", this.#fit);
    document.removeEventListener("visibilitychange", this.#hide);
  }

  #countdown() {
    const svg = vector("svg", { viewBox: "0 0 48 48", class: "ring", "aria-hidden": "true" });
    svg.append(vector("circle", { cx: 24, cy: 24, r: RING, class: "ring-whole" }), this.ring);
    return el("div.countdown", svg, this.left);
  }

  #begin() {
    if (this.#given.isOver?.()) return;
    this.cover.hidden = true;
    this.below.hidden = false;
    this.#since = performance.now();
    this.#issuedAt = null;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), LOOK);
    this.#look();
    this.#stayAwake();
    this.#app.note(this.#card, this.#given.what);
  }

  #hide = () => {
    clearInterval(this.#timer);
    this.#timer = 0;
    clearCode(this.canvas);
    this.cover.hidden = false;
    this.below.hidden = true;
    this.left.textContent = "";
    this.ring.getAnimations().forEach((each) => each.cancel());
    this.#lock?.release().catch(() => {});
    this.#lock = null;
  };

  #fit = () => fitCode(this.canvas);

  #look() {
    if (performance.now() - this.#since > HIDDEN_AFTER || this.#given.isOver?.()) return this.#hide();
    const age = this.#issuedAt === null ? Infinity : this.#app.clock.now() / 1000 - Number(this.#issuedAt);
    // A page that slept comes back with an old code; so does one whose time was corrected.
    if (age < -1 || age >= OLDEST) clearCode(this.canvas);
    if (age < 0 || age >= EVERY) return void this.#renew();
    this.left.textContent = String(Math.ceil(EVERY - age));
    return undefined;
  }

  async #renew() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    try {
      const issuedAt = this.#app.clock.seconds();
      const sign = (input) => signWith(this.#card.holderKey, input);
      const text = await this.#showing.qrText(issuedAt, sign, this.#given.challenge);
      if (this.#timer === 0) return;
      drawCode(this.canvas, encodeQR(text, "raw", { ecc: "low", encoding: "alphanumeric", border: 4 }));
      this.#issuedAt = issuedAt;
      this.#drawn();
    } catch (error) {
      this.#hide();
      this.warning.replaceChildren(this.#app.problem(error));
    } finally {
      this.#isDrawing = false;
    }
  }

  #drawn() {
    const passed = this.#app.clock.now() - Number(this.#issuedAt) * 1000;
    const around = 2 * Math.PI * RING;
    this.ring.getAnimations().forEach((each) => each.cancel());
    const frames = [{ strokeDashoffset: `${(passed / (EVERY * 1000)) * around}` }, { strokeDashoffset: `${around}` }];
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.ring.animate(frames, { duration: EVERY * 1000 - passed, easing: isStill ? "steps(10)" : "linear", fill: "forwards" });
    this.canvas.dataset.issued = String(this.#issuedAt);
    this.#warn();
  }

  #warn() {
    const { clock, words } = this.#app;
    if (!clock.isWrong) return this.warning.replaceChildren();
    if (!this.warning.hasChildNodes()) {
      this.warning.append(notice("warn", this.#app.t("show.clock", { time: words.clock(clock.now()) })));
    }
    return undefined;
  }

  async #stayAwake() {
    try {
      this.#lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      // Out of power, or not allowed: the screen goes dark when the phone says so.
    }
  }
}

/** Something that moves and follows a finger, as no picture does.  It shows that the screen is live; it proves nothing. */
function thread(label) {
  const beads = Array.from({ length: 9 }, () => el("i"));
  const box = el("div.thread", { role: "img", "aria-label": label }, ...beads);
  const follow = ({ clientX }) => {
    const { left, width } = box.getBoundingClientRect();
    box.style.setProperty("--at", String(Math.min(1, Math.max(0, (clientX - left) / width))));
    box.classList.add("touched");
  };
  box.addEventListener("pointerdown", follow);
  box.addEventListener("pointermove", follow);
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) box.addEventListener(end, () => box.classList.remove("touched"));
  return box;
}
