/** Imagers: those that play a keyboard, and those at a serial port, which the service listens to. */

import { tell } from "./api.js";

/** Milliseconds between letters: an imager is quicker, a person slower. */
const BURST = 120;
/** Longer than any code, shorter than what fills memory. */
const LONGEST = 8_192;
/** Fewer letters are no code: somebody struck a key. */
const SHORTEST = 6;
/** Letters of each line of a passport, by how many lines there are. */
const LINES = { 30: 3, 36: 2, 44: 2 };
/** Milliseconds between the lines of one passport. */
const NEXT_LINE = 3_000;
/** Milliseconds that the service may keep a question open, and some. */
const LISTENING = 25_000;
const RETRY = 2_000;

/** @returns {boolean} Whether it is a line of a passport; a code never is, for it has a colon. */
export function isPassportLine(text) {
  return /^[A-Z0-9<]+$/.test(text) && Object.hasOwn(LINES, text.length) && (text.includes("<") || text.length === 30);
}

/** Puts the lines of a passport together that come one by one. */
export class Lines {
  #lines = [];
  #at = 0;

  /**
   * @param {string} text A line as it came.
   * @returns {{text: string} | {mrz: string} | null} What it is; null as long as more of it must come.
   */
  add(text, now = performance.now()) {
    if (!isPassportLine(text)) {
      this.#lines = [];
      return { text };
    }
    const fits = now - this.#at < NEXT_LINE && this.#lines[0]?.length === text.length;
    this.#lines = fits ? [...this.#lines, text] : [text];
    this.#at = now;
    if (this.#lines.length < LINES[text.length]) return null;
    const mrz = this.#lines.join("\n");
    this.#lines = [];
    return { mrz };
  }
}

/**
 * Listens to an imager that plays a keyboard.  What comes in a burst is never a press of a button, whatever has the
 * focus: codes have spaces in them.
 */
export class Wedge {
  #settings;
  #onscan;
  #text = "";
  #at = -Infinity;
  #lines = new Lines();

  /** @param {(scan: {text: string} | {mrz: string}) => void} onscan Called with what it read. */
  constructor(settings, onscan) {
    this.#settings = settings;
    this.#onscan = onscan;
    addEventListener("keydown", this.#key, { capture: true });
  }

  #key = (event) => {
    if (this.#settings.get("imager") !== "keyboard" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (isTyping(event.target)) return;
    // When the key was struck: a page that was busy takes a whole code late, and at once.
    const now = event.timeStamp;
    if (now - this.#at > BURST) this.#text = "";
    const isEnd = event.key === this.#settings.get("end");
    if (isEnd && this.#text.length >= SHORTEST) return void this.#end(event);
    if (event.key.length !== 1) return;
    // A first space is a person's, on a button.
    if (this.#text === "" && event.key === " ") return;
    event.preventDefault();
    event.stopPropagation();
    this.#at = now;
    if (this.#text.length < LONGEST) this.#text += event.key;
  };

  #end(event) {
    event.preventDefault();
    event.stopPropagation();
    this.give(this.#text);
    this.#text = "";
  }

  /** Takes a whole line, as from a field that an imager has written into. */
  give(text) {
    const scan = this.#lines.add(text);
    if (scan) this.#onscan(scan);
  }
}

/** A field that an imager writes into is not listened to twice. */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select");
}

/**
 * The field that has the focus while codes are scanned, for imagers whose letters come without keys.
 *
 * @param {string} label What readers of screens call it.
 * @param {string} end The key behind a code.
 * @param {(text: string) => void} onread Called with a line.
 */
export function wedgeField(label, end, onread) {
  const field = document.createElement("input");
  const take = () => {
    const text = field.value;
    field.value = "";
    if (text.length >= SHORTEST) onread(text);
  };
  for (const [name, value] of Object.entries({
    class: "wedge", type: "text", inputmode: "none", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    maxlength: String(LONGEST), "aria-label": label,
  })) field.setAttribute(name, value);
  field.addEventListener("keydown", (event) => {
    // Tab is a way on for a person; behind a code it is its end.
    if (event.key !== end || (field.value === "" && end === "Tab")) return;
    event.preventDefault();
    take();
  });
  // Some send the end as a change of the text alone.
  field.addEventListener("change", take);
  return field;
}

/** Asks the service what the imager at its port has read, as long as somebody wants to know. */
export class SerialImager {
  #onscan;
  #stop = null;

  /** @param {(scan: {text: string} | {mrz: string} | {garbage: true}) => void} onscan Called with what it read. */
  constructor(onscan) {
    this.#onscan = onscan;
  }

  async start() {
    if (this.#stop) return;
    const stop = (this.#stop = new AbortController());
    for (let after = 0; !stop.signal.aborted;) {
      try {
        const told = await tell("GET", `imager?after=${after}`, undefined, { patience: LISTENING, signal: stop.signal });
        after = told.n;
        told.scans.forEach((scan) => this.#take(scan));
      } catch {
        if (!stop.signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }

  stop() {
    this.#stop?.abort(new DOMException("not wanted", "AbortError"));
    this.#stop = null;
  }

  #take({ text, mrz, garbage }) {
    if (garbage) this.#onscan({ garbage: true });
    else this.#onscan(mrz ? { mrz } : { text });
  }
}
