/** Ways in for a code: the camera, a picture, an imager. */

import { Camera, NoCamera } from "./console/camera/camera.js";
import { openReader } from "./console/camera/readers.js";
import { Scanner } from "./console/camera/scanner.js";
import { el } from "./console/dom.js";
import { button } from "./console/screens/parts.js";

/** How a code of ours begins, of this version or a later one. */
export const OURS = /^ABTC[0-9]*:/;
/** Looks at a picture, each closer than the one before. */
const LOOKS = 3;

/** The camera, opened when it is wanted and closed with the first code. */
export class Eye {
  #app;
  #onread;
  #onproblem;
  #camera;
  #scanner = null;

  /**
   * @param {(text: string) => void} onread Called with one code.
   * @param {(key: string) => void} onproblem Called with the key of what is wrong.
   */
  constructor(app, onread, onproblem) {
    this.#app = app;
    this.#onread = onread;
    this.#onproblem = onproblem;
    this.video = el("video", { playsinline: true, muted: true, "aria-label": app.t("ask.code.video") });
    this.video.muted = true;
    this.#camera = new Camera(this.video, () => this.#fail("ended"));
    this.element = el("div.view", { hidden: true }, el("div.stage", this.video), el("p.hint-line", app.t("ask.code.point")),
      el("div.tools", button(app.t("ask.code.stop"), () => this.close(), "plain")));
  }

  async open() {
    this.element.hidden = false;
    try {
      await this.#camera.open("environment");
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      return this.#fail(error.why);
    }
    this.#scanner = new Scanner(this.video, ({ texts }) => this.#sight(texts), () => this.#fail("ended"));
    return this.#scanner.start();
  }

  close() {
    this.#scanner?.stop();
    this.#scanner = null;
    this.#camera.close();
    this.element.hidden = true;
  }

  #fail(why) {
    this.close();
    this.#onproblem(`error.camera.${why}`);
  }

  #sight(texts) {
    const ours = [...new Set(texts.filter((text) => OURS.test(text)))];
    if (ours.length > 1) return this.#onproblem("error.codes");
    if (ours.length === 1) {
      this.close();
      this.#onread(ours[0]);
    }
    return undefined;
  }
}

/** @returns {Promise<{text: string} | {problem: string}>} The one code of a picture file. */
export async function codeOf(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return { problem: "error.nocode" };
  const reader = await openReader();
  try {
    for (let turn = 0; turn < LOOKS; turn++) {
      const { texts } = await reader.read(picture, picture, turn);
      const ours = [...new Set(texts.filter((text) => OURS.test(text)))];
      if (ours.length > 1) return { problem: "error.codes" };
      if (ours.length === 1) return { text: ours[0] };
    }
    return { problem: "error.nocode" };
  } finally {
    reader.close();
  }
}
