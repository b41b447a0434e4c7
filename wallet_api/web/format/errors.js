/** Text or bytes that are not what the specification allows; never a defect of the caller. */
export class FormatError extends Error {
  /** @param {string} why What was found, in a few words, for a log. */
  constructor(why) {
    super(why);
    this.name = "FormatError";
  }
}

/**
 * Refuse what does not hold.
 *
 * @param {boolean} holds What the specification demands.
 * @param {string} why What is wrong where it does not.
 * @throws {FormatError} It does not hold.
 */
export function demand(holds, why) {
  if (!holds) throw new FormatError(why);
}
