/** The wallet as a page: which screen is shown, and what all of them share. */

import { el } from "./dom.js";
import { FormatError } from "./format/errors.js";
import { Clock } from "./phone/clock.js";
import { NoRequest } from "./phone/asked.js";
import { NoOffer } from "./phone/issuer.js";
import { Network, Refused, Unreachable } from "./phone/network.js";
import { StoreError, openStore } from "./phone/store.js";
import { STEP, Wallet } from "./phone/wallet.js";
import { activity } from "./screens/activity.js";
import { answer, asked, reply } from "./screens/answer.js";
import { code } from "./screens/code.js";
import { counter, counterNumber } from "./screens/counter.js";
import { devices, move } from "./screens/devices.js";
import { economies } from "./screens/economies.js";
import { ended } from "./screens/ended.js";
import { help } from "./screens/help.js";
import { here } from "./screens/here.js";
import { cards, home } from "./screens/home.js";
import { lost, suspend } from "./screens/lost.js";
import { button, notice } from "./screens/parts.js";
import { passport } from "./screens/passport.js";
import { preview } from "./screens/preview.js";
import { request, scan, share, shared } from "./screens/share.js";
import { settings } from "./screens/settings.js";
import { show } from "./screens/show.js";
import { start } from "./screens/start.js";
import { trip } from "./screens/trip.js";
import { waiting } from "./screens/waiting.js";
import { loadWords } from "./texts.js";
import { chooseLanguage } from "./words.js";

/** Screens of no card. */
const FREE = { start, counter, here, cards, lost, help, settings, share, scan, request, shared };
/** Screens of one card, by the step at which it has them; the first is where the card is taken up again. */
const OF_CARD = {
  [STEP.OFFERED]: { code },
  [STEP.COUNTER]: { at: counterNumber },
  [STEP.SHOWN]: { preview },
  [STEP.WAITING]: { waiting },
  [STEP.HELD]: { home, show, answer, asked, reply, economies, trip, passport, devices, move, activity, suspend },
  [STEP.ENDED]: { ended },
};
const OFFER = "#offer?";
const ASK = "#ask?";
const AT = /^#at=([A-Z]{3})$/;
/** Milliseconds between silent updates, and how much longer a phone may wait, so that not all ask at once. */
const UPDATE_EVERY = 30 * 60_000;
const UPDATE_SPREAD = 15 * 60_000;
/** Milliseconds of offset that are worth keeping. */
const OFFSET_CHANGE = 1_000;

class App {
  /** Another page of this wallet changed something. */
  #others = new BroadcastChannel("abtc-wallet");
  #leave = () => {};
  #shown = 0;
  #isBusy = false;

  constructor({ store, clock, wallet, words }) {
    this.store = store;
    this.clock = clock;
    this.wallet = wallet;
    this.words = words;
    this.isOffline = !navigator.onLine;
    /** The officer's code that was read last; see `screens/answer.js`. */
    this.asked = null;
    /** What an airline or hotel asks, in memory only; see `screens/share.js`. */
    this.opened = null;
    this.request = null;
  }

  /** @returns {string} A text; see `Words.t`. */
  t(key, values) {
    return this.words.t(key, values);
  }

  async start() {
    addEventListener("hashchange", () => this.render());
    addEventListener("online", () => this.update());
    addEventListener("offline", () => this.#setOffline(true));
    this.#others.onmessage = () => this.#settle();
    await this.render();
    this.update();
    this.#plan();
  }

  /** @returns {string} The address of a screen. */
  to(name, card) {
    return card ? `#/${name}/${card.id}` : `#/${name}`;
  }

  /** Go to a screen; `instead` leaves no way back to this one. */
  go(name, card, { instead = false } = {}) {
    const address = this.to(name, card);
    if (instead) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    return this.render();
  }

  /** Go where a card is taken up. */
  goOn(card, options = { instead: true }) {
    return this.go(Object.keys(OF_CARD[card.step])[0], card, options);
  }

  /** Tell other pages of this wallet that something changed. */
  tell() {
    this.#others.postMessage("changed");
  }

  /**
   * Do something that may fail, with its button held meanwhile; what went wrong is said below the button.
   *
   * @param {HTMLButtonElement} source What was pressed.
   * @param {() => Promise<void>} work What to do.
   */
  async run(source, work) {
    if (source.getAttribute("aria-disabled") === "true") return;
    document.querySelector(".problem")?.remove();
    source.setAttribute("aria-disabled", "true");
    this.#isBusy = true;
    try {
      await work();
      this.tell();
    } catch (error) {
      (source.closest(".actions") ?? source).after(this.problem(error));
    } finally {
      this.#isBusy = false;
      source.removeAttribute("aria-disabled");
    }
  }

  /** @returns {HTMLElement} What went wrong, in words. */
  problem(error) {
    const [key, detail] = explain(error);
    console.warn(error);
    const box = notice(key === "error.offline" ? "warn" : "stop",
      el("p", el("strong", this.t(key))), this.t(`${key}.do`), detail && el("p.detail", detail));
    box.classList.add("problem");
    return box;
  }

  /**
   * Keep what was done with a card, unless the holder wishes otherwise; nothing depends on its being kept.
   *
   * @param {object} card Which one.
   * @param {"shown" | "answered" | "offered" | "removed" | "suspended" | "proved" | "given"} what Happened.
   * @param {string} [who] Asked for it.
   */
  async note(card, what, who) {
    try {
      if ((await this.store.setting("activity")) === "off") return;
      await this.store.addActivity({ card: card.id, at: this.clock.now(), what, ...(who && { who }) });
    } catch (error) {
      console.warn(error);
    }
  }

  /** Ask the issuers what has changed, without a word where nobody answers. */
  async update() {
    const before = this.clock.offset;
    await navigator.locks.request("abtc-update", { ifAvailable: true }, async (lock) => {
      if (lock) await this.#updateAll();
    }).catch((error) => console.warn(error));
    if (Math.abs(this.clock.offset - before) > OFFSET_CHANGE) await this.store.putSetting("offset", this.clock.offset);
  }

  async #updateAll() {
    try {
      await this.wallet.askTime();
      for (const card of await this.wallet.cards()) if (card.step === STEP.HELD) await this.#refresh(card);
      // An answer may come just before the network goes.
      this.#setOffline(!navigator.onLine);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#setOffline(true);
    } finally {
      await this.#settle();
    }
    this.tell();
  }

  /** A card that is refused holds up no other. */
  async #refresh(card) {
    await this.wallet.refresh(card).catch((error) => {
      if (error instanceof Unreachable) throw error;
      console.warn(error);
    });
  }

  #plan() {
    setTimeout(async () => {
      if (document.visibilityState === "visible") await this.update();
      this.#plan();
    }, UPDATE_EVERY + Math.random() * UPDATE_SPREAD);
  }

  #setOffline(isOffline) {
    const changed = this.isOffline !== isOffline;
    this.isOffline = isOffline;
    if (changed && this.#isRestful && !this.#isBusy) this.render();
  }

  /** Draw the screen again where that takes nothing away, or where its card is not at this step any more. */
  async #settle() {
    if (this.#isBusy) return;
    const { name, id } = this.#route();
    const card = (await this.wallet.cards()).find((each) => each.id === id);
    const fits = !id || (card !== undefined && Object.hasOwn(OF_CARD[card.step], name));
    if (this.#isRestful || !fits) await this.render();
  }

  /** Whether nothing that was typed, or is being shown, is lost when the screen is drawn again. */
  get #isRestful() {
    return ["", "home", "cards", "economies"].includes(this.#route().name);
  }

  #route() {
    const [, name = "", id = ""] = /^#\/([a-z]+)(?:\/([A-Za-z0-9_-]+))?$/.exec(location.hash) ?? [];
    return { name, id };
  }

  /** Draw the screen that the address names, or the one that fits instead. */
  async render() {
    const turn = ++this.#shown;
    const view = await this.#view().catch((error) => ({ title: "app.name", body: [this.problem(error), this.#again()] }));
    if (turn !== this.#shown || view === null) return;
    this.#leave();
    this.#leave = view.leave ?? (() => {});
    const isSame = document.body.dataset.screen === location.hash;
    document.body.dataset.screen = location.hash;
    this.#place(view, isSame);
    view.enter?.();
  }

  #place({ title, heading, back, body, look }, isSame) {
    const name = heading ?? this.t(title);
    const top = el("h1", { tabindex: "-1" }, name);
    const main = document.querySelector("main");
    document.title = `${name} – ${this.t("app.name")}`;
    document.querySelector(".brand").setAttribute("href", "#/");
    document.querySelector(".brand span").textContent = this.t("app.name");
    const helper = document.querySelector(".top .helper");
    helper.textContent = this.t("help.link");
    main.className = look ?? "";
    const focused = isSame ? placeOf(document.activeElement, main) : -1;
    main.replaceChildren(...(back ? [el("a.back", { href: back.to }, back.label)] : []), top, ...body.filter(Boolean));
    if (!isSame) scrollTo(0, 0);
    if (!isSame || focused >= 0) (focusable(main)[focused] ?? top).focus({ preventScroll: isSame });
  }

  #again() {
    return button(this.t("again"), () => location.reload(), "plain");
  }

  async #view() {
    const at = AT.exec(location.hash);
    if (at) {
      await this.store.putSetting("at", at[1]);
      history.replaceState(null, "", "#/");
    }
    if (location.hash.startsWith(OFFER)) return this.#open(location.href);
    if (location.hash.startsWith(ASK)) {
      this.opened = location.href;
      history.replaceState(null, "", "#/share");
    }
    const { name, id } = this.#route();
    if (Object.hasOwn(FREE, name)) return FREE[name](this);
    const all = await this.wallet.cards();
    const card = all.find((each) => each.id === id);
    if (card) return this.#viewOf(card, name);
    if (all.length === 0) return start(this);
    return all.length > 1 ? cards(this) : this.#elsewhere(all[0]);
  }

  #viewOf(card, name) {
    const screens = OF_CARD[card.step];
    return Object.hasOwn(screens, name) ? screens[name](this, card) : this.#elsewhere(card);
  }

  /** A way back that leads to a step that is over leads on instead. */
  #elsewhere(card) {
    this.goOn(card);
    return null;
  }

  async #open(link) {
    // The address is not to be opened a second time by a way back, nor to be seen over a shoulder.
    history.replaceState(null, "", "#/start");
    try {
      this.#elsewhere(await this.wallet.begin(link));
      return null;
    } catch (error) {
      return start(this, error);
    }
  }
}

function focusable(main) {
  return [...main.querySelectorAll("h1, a, button, input, select, summary")];
}

/** @returns {number} Which of the elements that take the focus it is; -1 where it is elsewhere. */
function placeOf(element, main) {
  return focusable(main).indexOf(element);
}

/** @returns {[string, string]} Key of the words for an error, and what support staff may ask for. */
function explain(error) {
  if (error instanceof Unreachable) return ["error.offline", ""];
  if (error instanceof NoOffer) return [`error.offer_${error.why}`, ""];
  if (error instanceof NoRequest) return [`error.desk_${error.why}`, ""];
  if (error instanceof StoreError) return ["error.store", ""];
  if (error instanceof FormatError) return ["error.card", ""];
  if (error instanceof Refused) return [refused(error), [error.status, error.code].join(" ")];
  return ["error.other", error.name];
}

const REFUSALS = {
  "lost.refused": "error.lost",
  // Only what stands in the form for a lost phone was typed by somebody.
  "request.invalid": "error.lost",
  "entry_basis.closed": "error.desk_kind",
  "counter.unknown": "error.gone",
  "phone.unknown": "error.gone",
  invalid_grant: "error.code",
  invalid_dpop_proof: "error.clock",
  invalid_proof: "error.clock",
  credential_request_denied: "error.denied",
};

function refused({ status, code: word }) {
  if (status === 429 || status === 503) return "error.busy";
  if (status === 404 || status === 410) return "error.gone";
  if (Object.hasOwn(REFUSALS, word)) return REFUSALS[word];
  if (status === 409) return "error.state";
  return status >= 500 ? "error.busy" : "error.other";
}

async function begin() {
  const main = document.querySelector("main");
  const preferred = chooseLanguage(navigator.languages);
  const store = await openStore().catch((error) => error);
  const kept = store instanceof StoreError ? {} : { language: await store.setting("language"), offset: await store.setting("offset") };
  const words = await loadWords(kept.language ?? preferred).catch(() => loadWords("en"));
  if (store instanceof StoreError || !globalThis.crypto?.subtle) {
    main.replaceChildren(el("h1", words.t("app.name")), notice("stop", words.t("error.store"), words.t("error.store.do")));
    return;
  }
  const clock = new Clock({ offset: kept.offset ?? 0 });
  const network = new Network(clock);
  const wallet = new Wallet({ store, clock, network, origin: location.origin });
  await new App({ store, clock, wallet, words }).start();
  await navigator.serviceWorker?.register(`sw.js?language=${words.language}`).catch((error) => console.warn(error));
}

await begin();
