/** Bytes and text. */

import { FormatError, demand } from "./errors.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * @param {string} text Without unpaired surrogates.
 * @returns {Uint8Array} In UTF-8.
 * @throws {FormatError} An unpaired surrogate.
 */
export function utf8(text) {
  demand(isWellFormed(text), "unpaired surrogate");
  return encoder.encode(text);
}

/**
 * @param {string} text Any text.
 * @returns {boolean} Whether it has no unpaired surrogate.  Browsers of a few years ago have no method for this.
 */
export function isWellFormed(text) {
  return !/\p{Surrogate}/u.test(text);
}

/**
 * @param {Uint8Array} bytes UTF-8.
 * @returns {string} A byte order mark at the beginning is kept.
 * @throws {FormatError} Not UTF-8.
 */
export function fromUtf8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FormatError("not UTF-8");
  }
}

/**
 * @param {...Uint8Array} parts Of any length.
 * @returns {Uint8Array} One after the other.
 */
export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * @param {Uint8Array} one Of any length.
 * @param {Uint8Array} other Of any length.
 * @returns {number} Negative, zero or positive, as `one` comes before, is, or comes after `other`.
 */
export function compare(one, other) {
  const shared = Math.min(one.length, other.length);
  for (let at = 0; at < shared; at++) {
    if (one[at] !== other[at]) return one[at] - other[at];
  }
  return one.length - other.length;
}
