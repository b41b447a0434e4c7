/** Looks at the camera's pictures one after another, and tells what codes are in view. */

import { Gone } from "../api.js";
import { openReader } from "./readers.js";

/** Without new pictures to wait for: milliseconds between looks. */
const PAUSE = 60;

export class Scanner {
  #video;
  #onsight;
  #ongone;
  #reader = null;
  #isRunning = false;
  /** How many pictures had no code since the last that had one. */
  #missed = 0;

  /**
   * @param {HTMLVideoElement} video The camera's.
   * @param {(found: import("./readers.js").Found) => void} onsight Called for every picture, also where nothing is in view.
   * @param {() => void} ongone Called when the service is needed for reading and does not answer.
   */
  constructor(video, onsight, ongone) {
    this.#video = video;
    this.#onsight = onsight;
    this.#ongone = ongone;
  }

  /** Which reader works; null until it is known. */
  get kind() {
    return this.#reader?.kind ?? null;
  }

  async start() {
    this.#isRunning = true;
    this.#reader ??= await openReader();
    while (this.#isRunning) {
      await this.#nextPicture();
      if (this.#isRunning && this.#video.videoWidth > 0) await this.#look();
    }
    this.#reader?.close();
    this.#reader = null;
  }

  stop() {
    this.#isRunning = false;
  }

  async #look() {
    const size = { width: this.#video.videoWidth, height: this.#video.videoHeight };
    try {
      const found = await this.#reader.read(this.#video, size, this.#missed);
      this.#missed = found.texts.length ? 0 : this.#missed + 1;
      if (this.#isRunning) this.#onsight(found);
    } catch (error) {
      if (!this.#isRunning) return;
      if (error instanceof Gone) return void this.#ongone();
      console.warn(error.name);
      await this.#another();
    }
  }

  /** A reader that has died is replaced; one picture that it could not take is no matter. */
  async #another() {
    this.#reader?.close();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    this.#reader = await openReader();
  }

  #nextPicture() {
    return new Promise((resolve) => {
      // A camera that has frozen sends none: then the loop must still notice that it was stopped.
      const late = setTimeout(resolve, 10 * PAUSE);
      const done = () => {
        clearTimeout(late);
        resolve();
      };
      if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(done);
      else setTimeout(done, PAUSE);
    });
  }
}
