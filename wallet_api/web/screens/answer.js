/** Answering an officer: their code is scanned, the holder says yes, and a code that answers it is shown for a while. */

import { el } from "../dom.js";
import { parseChallenge } from "../format/challenge.js";
import { Camera, NoCamera, picturesOf } from "../phone/camera.js";
import { Reader } from "../phone/reader.js";
import { Live } from "./live.js";
import { actions, button, door, facts, notice } from "./parts.js";

/** Milliseconds from reading the officer's code for which it is answered: no device waits longer. */
const LASTS = 90_000;
/** Characters of a challenge by which officer and holder see that they mean the same one. */
const END = 4;

/** An officer's code that was read.  It is in memory only: no link and no other page can put one here. */
class Asked {
  #timer = performance.now();
  #wall = Date.now();

  constructor(card, challenge) {
    this.id = card.id;
    this.challenge = challenge;
    this.end = `•••• ${challenge.slice(-END)}`;
  }

  /** @returns {number} Milliseconds for which it is still answered: the clock may be set, and the timer may sleep. */
  get left() {
    return LASTS - Math.max(performance.now() - this.#timer, Date.now() - this.#wall);
  }
}

/** @returns {object} The screen that reads the officer's code. */
export function answer(app, card) {
  const scan = new Scan(app, SCANNING, (texts) => {
    const challenge = texts.map(parseChallenge).find((each) => each !== null);
    if (challenge === undefined) return false;
    app.asked = new Asked(card, challenge);
    app.go("asked", card, { instead: true });
    return true;
  });
  return {
    title: "answer.title",
    look: "scanning",
    back: backTo(app, card),
    body: scan.parts,
    enter: () => scan.enter(),
    leave: () => scan.leave(),
  };
}

function backTo(app, card) {
  return { to: app.to("show", card), label: app.t("answer.back") };
}

const SCANNING = {
  lead: "answer.lead", looking: "answer.looking", no_camera: ["answer.no_camera", "answer.no_camera.do"],
  foreign: ["answer.foreign", "answer.foreign.do"], unread: ["answer.unread", "answer.unread.do"],
};

/** A camera that looks for one kind of code, or a picture that is chosen instead. */
export class Scan {
  #app;
  #words;
  #find;
  #reader = new Reader();
  #camera;
  #isLeft = false;

  /**
   * @param {object} app With words.
   * @param {object} words Keys of what it says: `lead`, `looking`; and in pairs, with what to do, `no_camera`, `foreign`, `unread`.
   * @param {(texts: string[]) => boolean} find Given what codes say; takes what it looks for, and tells whether it was there.
   */
  constructor(app, words, find) {
    const t = app.t.bind(app);
    this.#app = app;
    this.#words = words;
    this.#find = find;
    const video = el("video", { playsinline: true, "aria-label": t("answer.picture") });
    this.#camera = new Camera(video);
    this.finder = el("div.finder", { hidden: true }, video);
    this.state = el("p.hint", { role: "status" });
    this.said = el("div.said");
    this.retry = button(t("again"), () => {
      this.said.replaceChildren();
      this.#start();
    });
    const file = el("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.#choose(file) });
    this.parts = [
      el("p.lead", t(words.lead)), this.finder, this.state, this.said,
      actions(this.retry, button(t("answer.choose"), () => file.click(), "plain")), file,
    ];
  }

  enter() {
    document.addEventListener("visibilitychange", this.#turn);
    this.#start();
  }

  leave() {
    this.#isLeft = true;
    document.removeEventListener("visibilitychange", this.#turn);
    this.#camera.stop();
  }

  /** A page that nobody sees does not watch.  A camera that failed waits until it is asked for again. */
  #turn = () => {
    if (document.visibilityState !== "visible") this.#camera.stop();
    else if (this.retry.hidden) this.#start();
  };

  async #start() {
    this.retry.hidden = true;
    this.state.textContent = this.#app.t("answer.allow");
    try {
      if (!(await this.#camera.start(() => this.#fail(new NoCamera("it went away"))))) return;
      this.finder.hidden = false;
      this.state.textContent = this.#app.t(this.#words.looking);
      await this.#camera.watch((image) => this.#look(image));
    } catch (error) {
      this.#fail(error);
    }
  }

  async #look(image) {
    const texts = await this.#reader.read(image);
    // What stands there already is not said again.
    if (texts.length > 0 && !this.#take(texts) && !this.said.hasChildNodes()) this.#say("foreign");
  }

  async #choose(input) {
    const [file] = input.files;
    if (!file) return;
    this.said.replaceChildren();
    try {
      let texts = [];
      for await (const image of picturesOf(file)) {
        texts = await this.#reader.read(image);
        if (this.#take(texts)) return;
      }
      this.#say(texts.length > 0 ? "foreign" : "unread");
    } catch (error) {
      this.#fail(error);
    } finally {
      // The same picture, taken again under the same name, is another one.
      input.value = "";
    }
  }

  /** @returns {boolean} Whether what is looked for is among them.  Of all others nothing is shown, opened or kept. */
  #take(texts) {
    if (this.#isLeft || !this.#find(texts)) return this.#isLeft;
    this.#isLeft = true;
    this.#camera.stop();
    return true;
  }

  #fail(error) {
    if (this.#isLeft) return;
    this.#camera.stop();
    this.finder.hidden = true;
    this.retry.hidden = false;
    this.state.textContent = "";
    if (error instanceof NoCamera) this.#say("no_camera");
    else this.said.replaceChildren(this.#app.problem(error));
  }

  #say(what) {
    const [title, advice] = this.#words[what].map((key) => this.#app.t(key));
    this.said.replaceChildren(notice("warn", el("p", el("strong", title)), advice));
  }
}

/** @returns {object | null} The screen that says what is going to be answered. */
export function asked(app, card) {
  const t = app.t.bind(app);
  const found = current(app, card);
  if (found === null) return null;
  return {
    title: "asked.title",
    back: backTo(app, card),
    body: [
      facts([t("asked.code"), found.end]),
      el("p", t("asked.what")),
      notice("warn", t("asked.only")),
      actions(
        button(t("asked.yes"), () => app.go("reply", card, { instead: true })),
        button(t("asked.again"), () => app.go("answer", card, { instead: true }), "plain"),
      ),
    ],
  };
}

/** @returns {object | null} The answer, until it ends. */
export function reply(app, card) {
  const t = app.t.bind(app);
  const found = current(app, card);
  if (found === null) return null;
  const ends = el("p.ends");
  const isOver = () => {
    ends.textContent = t("reply.ends", { code: found.end, left: minutes(found.left) });
    if (found.left > 0) return false;
    app.asked = null;
    app.go("show", card, { instead: true });
    return true;
  };
  const live = new Live(app, card, { label: t("reply.label"), what: "answered", challenge: found.challenge, isOver });
  return {
    title: "reply.title",
    look: "showing",
    back: backTo(app, card),
    body: [ends, ...live.parts, actions(door(app.to("show", card), t("reply.back"), "quiet"))],
    enter: () => live.enter(),
    leave: () => live.leave(),
  };
}

/** @returns {Asked | null} What was read for this card and is still answered; else the way leads to the camera. */
function current(app, card) {
  if (app.asked?.id === card.id && app.asked.left > 0) return app.asked;
  app.asked = null;
  app.go("answer", card, { instead: true });
  return null;
}

/** @returns {string} Such as 1:09. */
function minutes(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
