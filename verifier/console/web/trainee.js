/** Training: every case there is, and a run of ten in which the officer says first what is to be done. */

/** Cards of one run. */
const CARDS = 10;
/** What an officer does about a look, where a case does not say it itself. */
const BY_LOOK = { accepted: ["admit"], genuine: ["normal_rules"], by_hand: ["refer", "update"], refused: ["refuse", "refer"], not_live: ["refuse"] };

export class Trainee {
  #app;
  #cases = null;

  constructor(app) {
    this.#app = app;
    /** The run that goes on: its cases, what was chosen, where it is. */
    this.run = null;
  }

  /** @returns {Promise<object[] | null>} All cases, in the order of the catalogue. */
  async cases() {
    if (this.#cases) return this.#cases;
    const told = await this.#app.ask("GET", "training");
    this.#cases = told?.cases ?? null;
    return this.#cases;
  }

  /** @returns {Promise<object | null>} The answer to a case. */
  check(id) {
    return this.#app.ask("POST", "training/check", { case: id });
  }

  /** Begin a run: the first course in its order, later any ten. */
  async begin({ isFirst }) {
    const all = await this.cases();
    if (all === null) return;
    const course = all.filter((each) => Number.isInteger(each.course)).sort((one, other) => one.course - other.course);
    const chosen = isFirst && course.length ? course : shuffled(all);
    this.run = { cases: chosen.slice(0, CARDS), at: 0, right: 0, answer: null, chosen: null };
  }

  /** @returns {string[]} What is right for a case; the first is the best. */
  rightFor(each, answer) {
    return each.right?.length ? each.right : BY_LOOK[answer.look];
  }

  /** On duty the service answers this; a training card it does not keep. */
  mismatch(answer) {
    return {
      ...answer, look: "refused", outcome: "rejected", reason: "officer.mismatch", person: null, passport: null, read: null,
      lane: null, entry: null, must_see: [], purposes: [], checks: [],
    };
  }
}

function shuffled(all) {
  const left = [...all];
  for (let at = left.length - 1; at > 0; at--) {
    const other = crypto.getRandomValues(new Uint32Array(1))[0] % (at + 1);
    [left[at], left[other]] = [left[other], left[at]];
  }
  return left;
}
