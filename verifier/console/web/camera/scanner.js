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

  /**
   * @param {HTMLVideoElement} video The camera's.
   * @param {(texts: string[]) => void} onsight Called for every picture, also where nothing is in view.
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
    for (let turn = 0; this.#isRunning; turn++) {
      await this.#nextPicture();
      if (this.#isRunning && this.#video.videoWidth > 0) await this.#look(turn);
    }
    this.#reader?.close();
    this.#reader = null;
  }

  stop() {
    this.#isRunning = false;
  }

  async #look(turn) {
    const size = { width: this.#video.videoWidth, height: this.#video.videoHeight };
    try {
      const texts = await this.#reader.read(this.#video, size, turn);
      if (this.#isRunning) this.#onsight(texts);
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
