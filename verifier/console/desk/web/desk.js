/** The airline desk: one passenger, or a list of them. */

import { Gone, Refused, tell } from "./console/api.js";
import { el } from "./console/dom.js";
import { Wedge } from "./console/imager.js";
import { sign } from "./console/screens/parts.js";
import { chooseLanguage, LANGUAGES, loadWords } from "./console/words.js";
import { Asking } from "./ask.js";
import { Listing } from "./list.js";

/** What this browser remembers: nothing about travellers. */
const PLACE = "abtc-desk";
const SCREENS = { ask: Asking, list: Listing };
const SIGNS = { ask: "person", list: "list" };
/** Milliseconds between looks at how old the data is. */
const REFRESH = 60_000;
/** An imager is listened to wherever the cursor is not in a field. */
const IMAGER = { get: (name) => ({ imager: "keyboard", end: "Enter" })[name] };

class Desk {
  words = null;
  state = null;
  #screen = null;
  #header = document.querySelector("header");
  #main = document.querySelector("main");
  #said = document.querySelector("[role=alert]");

  async open() {
    try {
      this.state = await tell("GET", "state");
      await this.#speak(remembered().language);
    } catch (error) {
      return this.#closed(error);
    }
    new Wedge(IMAGER, (scan) => this.#screen?.scanned?.(scan));
    addEventListener("hashchange", () => this.#render());
    setInterval(() => this.#refresh(), REFRESH);
    return this.#render();
  }

  t(key, values) {
    return this.words.t(key, values);
  }

  /** Read aloud, and shown nowhere. */
  say(text) {
    this.#said.textContent = text;
  }

  remember(changes) {
    try {
      localStorage.setItem(PLACE, JSON.stringify({ ...remembered(), ...changes }));
    } catch (error) {
      console.warn(error.name);
    }
  }

  get remembered() {
    return remembered();
  }

  async #speak(language) {
    const there = this.state.languages;
    const wanted = language ? [language, ...navigator.languages] : navigator.languages;
    this.words = await loadWords(chooseLanguage(wanted, there));
    document.title = this.t("app.name");
  }

  async #refresh() {
    try {
      this.state = await tell("GET", "state");
    } catch {
      return;
    }
    this.#header.querySelector(".data-line")?.replaceWith(this.#data());
  }

  #render() {
    const name = location.hash.slice(2) in SCREENS ? location.hash.slice(2) : "ask";
    this.#screen?.leave?.();
    this.#screen = new SCREENS[name](this);
    document.body.dataset.screen = name;
    this.#header.replaceChildren(this.#nav(name), this.#languages(), this.#data());
    this.#main.replaceChildren(this.#screen.element);
    this.#screen.enter?.();
  }

  #nav(name) {
    const link = (to) => el("a", { href: `#/${to}`, "aria-current": to === name ? "page" : false }, sign(SIGNS[to]), el("span", this.t(`nav.${to}`)));
    return el("nav", { "aria-label": this.t("nav") }, ...Object.keys(SCREENS).map(link));
  }

  #languages() {
    const change = async ({ target }) => {
      await this.#speak(target.value);
      this.remember({ language: target.value });
      this.#render();
      document.getElementById("language").focus();
    };
    const options = this.state.languages.map((tag) => el("option", { value: tag, lang: tag, selected: tag === this.words.language }, LANGUAGES[tag] ?? tag));
    return el("div.language", el("label", { for: "language" }, this.t("language")), el("select", { id: "language", onchange: change }, ...options));
  }

  #data() {
    const { data } = this.state;
    if (!data.ready) return el("p.data-line.none", sign("warn"), this.t("data.none"));
    const values = { time: this.words.moment(data.issued_at), age: this.words.span(Math.max(0, data.age)) };
    return el(`p.data-line${data.is_old ? ".old" : ""}`, data.is_old && sign("warn"), this.t(data.is_old ? "data.old" : "data.fresh", values));
  }

  /** Before there are words: the two sentences that every browser may have to show. */
  #closed(error) {
    const isStranger = error instanceof Refused && error.status === 401;
    if (!isStranger && !(error instanceof Gone) && !(error instanceof Refused)) throw error;
    const text = isStranger
      ? "This page was opened without the address that the program printed. Open that address."
      : "The desk does not answer. Start it again, and open the address that it prints. Until then check documents as usual.";
    document.body.dataset.screen = "closed";
    this.#main.replaceChildren(el("h1", "ABTC airline desk"), el("p", text));
  }
}

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return kept !== null && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}

new Desk().open();
