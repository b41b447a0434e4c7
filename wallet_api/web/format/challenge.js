/** The officer's code: a challenge that a phone scans and answers (specification, section 3.4). */

import { demand } from "./errors.js";

const PREFIX = "ABTCQ1:";
const CHALLENGE = /^[A-Za-z0-9_-]{22,86}$/;

/**
 * @param {string} text Exactly what was scanned: nothing is stripped, and case counts.
 * @returns {string | null} The challenge; null where this is no officer's code.  Anybody may have made it.
 */
export function parseChallenge(text) {
  if (!text.startsWith(PREFIX)) return null;
  const challenge = text.slice(PREFIX.length);
  return CHALLENGE.test(challenge) ? challenge : null;
}

/**
 * @param {string} challenge What is to be answered.
 * @throws {FormatError} It has not the form of a challenge.
 */
export function checkChallenge(challenge) {
  demand(CHALLENGE.test(challenge), "not a challenge");
}
