/** Scanning: the camera opens at once, and every other way in is one touch away. */

import { el } from "../dom.js";
import { Camera, NoCamera } from "../camera/camera.js";
import { openReader } from "../camera/readers.js";
import { Scanner } from "../camera/scanner.js";
import { wedgeField } from "../imager.js";
import { actions, button, door, notice, personName, sign, tool } from "./parts.js";

/** How a code of ours begins, of this version or a later one. */
const OURS = /^ABTC[0-9]*:/;
/** Milliseconds for which a hint stays. */
const HINT = 2_500;
/** Milliseconds without the code that was just handled, before it counts as shown again. */
const AWAY = 1_500;
/** As if so many pictures had been missed: the whole of a file is looked at, then its middle, then that enlarged. */
const CLOSER = [0, 1, 6];
/** Milliseconds after which a code that has stayed in view since is meant: somebody holds it there. */
const LEAVING = 5_000;
/** The code of the last traveller, and since when it is not in view any more: null as long as no picture has shown that. */
let handled = { text: "", goneAt: null };

/** @returns {object} The screen. */
export function scan(app) {
  const place = new Scanning(app);
  const { asked } = app;
  return {
    title: app.t(asked ? "scan.answer" : "scan.title"),
    look: "scan",
    body: [place.element],
    enter: () => place.enter(),
    leave: () => place.leave(),
    update: (state) => place.update(state),
  };
}

class Scanning {
  #app;
  #camera;
  #scanner;
  #isBusy = false;
  #hintAt = 0;
  #isThere = true;
  /** When the first picture of this time was looked at. */
  #firstAt = null;
  /** The only code of ours in the last picture that had one. */
  #seen = null;

  constructor(app) {
    this.#app = app;
    this.video = el("video", { playsinline: true, muted: true, "aria-label": app.t("scan.picture") });
    this.video.muted = true;
    this.#camera = new Camera(this.video, () => this.#show(this.#closed("ended")));
    this.#scanner = new Scanner(this.video, (found) => this.#sight(found), () => app.close("gone"));
    this.hint = el("p.hint-line", app.t(app.asked ? "scan.point.answer" : "scan.point"));
    this.stage = el("div.stage");
    this.controls = el("div.tools");
    this.imager = el("p.imager-line", { hidden: true });
    this.held = el("div.held");
    this.element = el("div.scanning", el("div.view", this.stage, this.hint, this.controls), this.#side());
    this.#field();
    this.#showHeld();
    this.update(app.state);
  }

  // What is on the screen.

  #side() {
    const app = this.#app;
    const picture = el("input", {
      type: "file", accept: "image/*", class: "file", id: "picture",
      onchange: ({ target }) => target.files.length && app.run(target, () => this.#fromFile(target)),
    });
    this.side = el("div.side", this.imager, this.held, this.#question(), el("div.other-ways",
      el("a.tool", { href: "#/passport" }, sign("passport"), el("span", app.t("scan.passport"))),
      el("a.tool", { href: "#/manual" }, sign("keys"), el("span", app.t("scan.manual"))),
      el("label.tool", { for: "picture" }, sign("picture"), el("span", app.t("scan.file")), picture)), this.#volume());
    return this.side;
  }

  #question() {
    const app = this.#app;
    if (!app.asked) return null;
    const stop = button(app.t("challenge.stop"), () => {
      app.asked = null;
      app.render({ isNew: true });
    }, "plain");
    return el("div", notice("info", app.t("challenge.waiting")), actions(stop));
  }

  #volume() {
    const { settings, sounds } = this.#app;
    const slider = el("input", {
      type: "range", id: "volume", min: "0", max: "1", step: "0.05", value: String(settings.get("volume")),
      oninput: ({ target }) => settings.put({ volume: Number(target.value) }),
      onchange: () => sounds.play("accepted"),
    });
    const mute = tool("mute", this.#app.t("sound.mute"), () => {
      settings.put({ muted: !settings.get("muted") });
      mute.setAttribute("aria-pressed", String(settings.get("muted")));
    }, settings.get("muted"));
    return el("div.volume", mute, el("label", { for: "volume" }, sign("sound"), el("span", this.#app.t("sound.volume"))), slider);
  }

  #showHeld() {
    const { held } = this.#app;
    const drop = () => {
      this.#app.held = null;
      this.#showHeld();
    };
    this.held.replaceChildren(...(held ? [notice("info",
      el("p", el("strong", this.#app.t("scan.held", { passport: `${held.read.country} ${held.read.number}` }))),
      held.read.family_name ? personName(held.read) : "", button(this.#app.t("scan.held.drop"), drop, "quiet"))] : []));
  }

  update({ imager }) {
    const isKeyboard = this.#app.settings.get("imager") === "keyboard";
    this.imager.hidden = !imager && !isKeyboard;
    const state = imager ? imager.state : "keyboard";
    const key = `${state} ${this.#app.words.language}`;
    if (this.imager.hidden || key === this.imager.dataset.of) return;
    this.imager.dataset.of = key;
    this.imager.className = `imager-line imager-${state}`;
    this.imager.replaceChildren(sign("imager"), el("span", this.#app.t(`imager.${state}`)));
  }

  // Ways in.

  enter() {
    this.#app.onscan = (read) => this.#imaged(read);
    if (this.#wantsCamera) this.#open();
    else this.#show(this.#closed("off"));
    this.field?.focus({ preventScroll: true });
  }

  /** With an imager at hand the camera is off until somebody wants it. */
  get #wantsCamera() {
    const { settings, state } = this.#app;
    return settings.get("camera") && state.imager?.state !== "connected" && settings.get("imager") !== "keyboard";
  }

  leave() {
    this.#isThere = false;
    this.#scanner.stop();
    this.#camera.close();
    clearTimeout(this.#hintAt);
  }

  async #open() {
    this.#show(el("div.opening", el("p", this.#app.t("camera.opening"))));
    try {
      await this.#camera.open(this.#app.settings.get("facing"));
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      return this.#isThere && this.#show(this.#closed(error.why));
    }
    if (!this.#isThere) return this.#camera.close();
    this.#show(this.video, el("div.aim", { "aria-hidden": "true" }, el("i"), el("i"), el("i"), el("i")));
    this.#tools();
    await this.#restore();
    return this.#scanner.start();
  }

  #show(...children) {
    this.#scanner.stop();
    this.controls.replaceChildren();
    this.stage.replaceChildren(...children);
    this.stage.classList.toggle("live", children[0] === this.video);
    this.hint.hidden = children[0] !== this.video;
  }

  /** Why there is no picture, and what to do. */
  #closed(why) {
    const app = this.#app;
    return el("div.no-camera", { "data-why": why }, sign(why === "off" ? "imager" : "warn"),
      el("h2", app.t(`camera.${why}`)), el("p", app.t(`camera.${why}.do`)),
      actions(button(app.t(why === "off" ? "camera.on" : "again"), () => this.#again()), door("#/manual", app.t("manual.title"))));
  }

  #again() {
    this.#scanner = new Scanner(this.video, (found) => this.#sight(found), () => this.#app.close("gone"));
    return this.#open();
  }

  // The camera's own.

  #tools() {
    const { t, words } = { t: this.#app.t.bind(this.#app), words: this.#app.words };
    const { torch, zoom, focus } = this.#camera.abilities;
    const { settings } = this.#app;
    const made = [];
    if (torch) {
      const light = tool("torch", t("camera.torch"), async () => {
        const isOn = !settings.get("torch");
        if (!(await this.#camera.torch(isOn))) return;
        settings.put({ torch: isOn });
        light.setAttribute("aria-pressed", String(isOn));
      }, settings.get("torch"));
      made.push(light);
    }
    made.push(tool("flip", t("camera.flip"), () => this.#flip()));
    if (focus) made.push(tool("focus", t("camera.focus"), () => this.#camera.refocus()));
    if (zoom) {
      made.push(el("label.zoom", el("span", t("camera.zoom")), el("input", {
        type: "range", min: zoom.min, max: Math.min(zoom.max, zoom.min * 5), step: zoom.step || 0.1,
        value: settings.get("zoom") ?? zoom.min, "aria-valuetext": words.number(settings.get("zoom") ?? 1),
        oninput: ({ target }) => {
          settings.put({ zoom: Number(target.value) });
          this.#camera.zoom(Number(target.value));
        },
      })));
    }
    this.controls.replaceChildren(...made);
  }

  /** Light and zoom stay as they were between travellers. */
  async #restore() {
    const { torch, zoom } = this.#camera.abilities;
    const { settings } = this.#app;
    if (torch && settings.get("torch")) await this.#camera.torch(true);
    if (zoom && settings.get("zoom")) await this.#camera.zoom(Math.min(zoom.max, Math.max(zoom.min, settings.get("zoom"))));
    this.video.classList.toggle("mirrored", (this.#camera.facing ?? settings.get("facing")) === "user");
  }

  async #flip() {
    const { settings } = this.#app;
    settings.put({ facing: settings.get("facing") === "user" ? "environment" : "user" });
    this.#scanner.stop();
    await this.#again();
  }

  // What is seen.

  #sight({ texts, isWhole }) {
    const now = performance.now();
    const ours = [...new Set(texts.filter((text) => OURS.test(text)))];
    const isAlone = ours.length === 1 && (isWhole || ours[0] === this.#seen);
    if (ours.length) this.#seen = ours.length === 1 ? ours[0] : null;
    this.#firstAt ??= now;
    if (this.#isLeaving(ours, now) && ours.length === 1) return;
    if (ours.length > 1) this.#hint("scan.several");
    // Of two phones a picture may show only one: whose it is counts where nothing else is there, or once it is alone twice.
    else if (isAlone) this.#take(ours[0]);
    else if (ours.length) return;
    // A code of others is passed by, and never stops the next one from being read.
    else if (texts.length) this.#hint("scan.foreign");
  }

  /** Whether the last traveller's phone is still there. Pictures count, not time alone: a slow device looks rarely. */
  #isLeaving(ours, now) {
    if (!ours.includes(handled.text)) {
      handled.goneAt ??= now;
      return false;
    }
    const isStill = handled.goneAt === null || now - handled.goneAt < AWAY;
    handled.goneAt = null;
    return isStill && now - this.#firstAt < LEAVING;
  }

  #imaged(read) {
    if (read.garbage) this.#hint("imager.garbage");
    else if (read.mrz) this.#passport(read.mrz);
    else this.#take(read.text);
  }

  async #take(text) {
    if (this.#isBusy || !this.#isThere) return;
    this.#isBusy = true;
    handled = { text, goneAt: null };
    this.hint.textContent = this.#app.t("scan.checking");
    try {
      await this.#app.check(text);
    } finally {
      this.#isBusy = false;
      if (this.#isThere) this.hint.textContent = this.#app.t("scan.point");
    }
  }

  async #passport(mrz) {
    await this.#app.run(null, async () => {
      const read = await this.#app.ask("POST", "passport", { mrz });
      if (read && this.#isThere) this.#app.held = { mrz, read };
      this.#showHeld();
    });
  }

  async #fromFile(input) {
    const [file] = input.files;
    input.value = "";
    const picture = await createImageBitmap(file).catch(() => null);
    if (!picture) return this.#hint("scan.nopicture");
    const reader = await openReader();
    let texts = [];
    for (const missed of CLOSER) {
      ({ texts } = await reader.read(picture, picture, missed));
      if (texts.some((text) => OURS.test(text))) break;
    }
    reader.close();
    const ours = [...new Set(texts.filter((text) => OURS.test(text)))];
    if (ours.length > 1) return this.#hint("scan.several");
    // Somebody chose this picture: what else is in it gets an answer too.
    if (ours.length || texts.length) return this.#take(ours[0] ?? texts[0]);
    return this.#hint("scan.nocode");
  }

  #hint(key) {
    const text = this.#app.t(key);
    clearTimeout(this.#hintAt);
    if (this.hint.textContent !== text) {
      this.hint.textContent = text;
      this.#app.say(text);
    }
    this.hint.hidden = false;
    this.hint.dataset.of = key;
    this.#hintAt = setTimeout(() => {
      this.hint.textContent = this.#app.t(this.#app.asked ? "scan.point.answer" : "scan.point");
      delete this.hint.dataset.of;
      this.hint.hidden = !this.stage.classList.contains("live");
    }, HINT);
  }

  #field() {
    const { settings, wedge } = this.#app;
    if (settings.get("imager") !== "keyboard") return;
    this.field = wedgeField(this.#app.t("imager.field"), settings.get("end"), (text) => wedge.give(text));
    this.side.prepend(this.field);
  }
}
