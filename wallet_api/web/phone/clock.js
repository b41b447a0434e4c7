/**
 * True time, as well as a phone can know it.
 *
 * The phone's own clock may be wrong and may be set while the page is open, so the difference to the issuer's clock is
 * measured whenever the issuer answers, and time in between is counted by a timer that nobody can set.
 */

/** Milliseconds by which the phone's clock may be wrong without a word: as far ahead as a border accepts a proof. */
export const TOLERANCE = 15_000;
/** An answer that took longer says too little about what time it is. */
const SLOWEST = 10_000;
/** A timer that stands still while the phone sleeps falls behind the clock by more than this. */
const SLEPT = 2_000;

export class Clock {
  #wall;
  #timer;
  #offset;
  #measured = null;
  #started;

  /**
   * @param {object} [from] Where time comes from; by default the browser.
   * @param {() => number} [from.wall] The phone's clock, in milliseconds since 1970.
   * @param {() => number} [from.timer] Milliseconds that passed, from any beginning.
   * @param {number} [from.offset] Milliseconds to add to the phone's clock, as measured in an earlier visit.
   */
  constructor({ wall = Date.now, timer = () => performance.now(), offset = 0 } = {}) {
    this.#wall = wall;
    this.#timer = timer;
    this.#offset = offset;
    this.#started = { wall: wall(), timer: timer() };
  }

  /** Milliseconds to add to the phone's clock; to be kept for the next visit. */
  get offset() {
    return this.#offset;
  }

  /** Whether the phone's clock is so wrong that its owner should know. */
  get isWrong() {
    return Math.abs(this.now() - this.#wall()) > TOLERANCE;
  }

  /** @returns {number} The best guess of true time, in milliseconds since 1970. */
  now() {
    const since = this.#measured ?? { ...this.#started, truth: this.#started.wall + this.#offset };
    const passed = this.#timer() - since.timer;
    const shown = this.#wall() - since.wall;
    const counted = since.truth + passed;
    // The timer may stand still while the phone sleeps, and then only the clock has gone on.  A clock that somebody put
    // back does not count, nor one that was wrong and now says what was counted: it was put right.  Any other that was
    // put ahead looks like sleep, until the issuer is asked again.
    const isAhead = shown > passed + SLEPT;
    return isAhead && Math.abs(this.#wall() - counted) > SLEPT ? since.truth + shown : counted;
  }

  /** @returns {bigint} The same in whole seconds, as proofs carry it. */
  seconds() {
    return BigInt(Math.floor(this.now() / 1000));
  }

  /**
   * Learn from an answer of the issuer; to be asked again whenever the phone wakes up.
   *
   * @param {number} truth What its clock said, in milliseconds since 1970; whole seconds are enough.
   * @param {number} asked When it was asked, by the timer.
   * @returns {boolean} Whether the answer was quick enough to learn from.
   */
  learn(truth, asked) {
    const answered = this.#timer();
    if (answered - asked > SLOWEST) return false;
    // The header is cut to a second, and was written somewhere between asking and the answer.
    const middle = truth + 500 + (answered - asked) / 2;
    this.#measured = { truth: middle, timer: answered, wall: this.#wall() };
    this.#offset = middle - this.#measured.wall;
    return true;
  }
}
