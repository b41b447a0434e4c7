/** How long an answer stays on the screen, by a clock that nobody can set. */

/** Milliseconds between looks at it. */
const LOOK = 250;
/** The last seconds are counted aloud, so to say. */
const COUNTED = 20;

export class Expiry {
  #timer = 0;
  #began = 0;
  #touched = 0;
  #isMasked = false;
  #of;

  /**
   * @param {{stays: number | null, mask: number, ontick: (left: number | null) => void, onmask: () => void, onend: () =>
   *   void}} of Seconds that it stays after the last touch, null for until somebody ends it; seconds until the person is
   *   masked, whatever is touched; what is called.  `left` is null as long as nothing is counted.
   */
  constructor(of) {
    this.#of = of;
  }

  start() {
    this.#began = this.#touched = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK);
    for (const kind of TOUCHES) addEventListener(kind, this.touch, { capture: true, passive: true });
  }

  stop() {
    clearInterval(this.#timer);
    for (const kind of TOUCHES) removeEventListener(kind, this.touch, { capture: true });
  }

  touch = () => {
    // At a kiosk, whoever touches the screen is no officer.
    if (this.#of.stays === null || this.#of.isFixed) return;
    this.#touched = performance.now();
    this.#of.ontick(null);
  };

  #look() {
    const now = performance.now();
    if (!this.#isMasked && now - this.#began >= this.#of.mask * 1000) {
      this.#isMasked = true;
      this.#of.onmask();
    }
    if (this.#of.stays === null) return;
    const left = Math.ceil(this.#of.stays - (now - this.#touched) / 1000);
    if (left <= 0) {
      this.stop();
      this.#of.onend();
    } else this.#of.ontick(left <= COUNTED ? left : null);
  }
}

const TOUCHES = ["pointerdown", "keydown", "wheel"];
