/** Base45 (RFC 9285), strict: every byte string has one spelling. */

import { demand } from "./errors.js";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

/**
 * @param {Uint8Array} bytes Of any length.
 * @returns {string} Three characters for two bytes, two for a last one.
 */
export function encode(bytes) {
  let text = "";
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const number = bytes[at] * 256 + bytes[at + 1];
    text += DIGITS[number % 45] + DIGITS[Math.floor(number / 45) % 45] + DIGITS[Math.floor(number / 2025)];
  }
  if (bytes.length % 2) {
    const last = bytes[bytes.length - 1];
    text += DIGITS[last % 45] + DIGITS[Math.floor(last / 45)];
  }
  return text;
}

/**
 * @param {string} text Of any length.
 * @returns {Uint8Array} The bytes whose spelling it is.
 * @throws {FormatError} A foreign character, a length of 3n+1, or a group out of range.
 */
export function decode(text) {
  demand(text.length % 3 !== 1, "base45 length is 3n+1");
  const digits = Array.from(text, (digit) => {
    const value = VALUES.get(digit);
    demand(value !== undefined, "character outside base45");
    return value;
  });
  const bytes = [];
  for (let at = 0; at < digits.length; at += 3) {
    const [low, middle, high] = digits.slice(at, at + 3);
    const number = low + 45 * middle + 2025 * (high ?? 0);
    demand(number < (high === undefined ? 256 : 65536), "base45 group out of range");
    if (high !== undefined) bytes.push(number >> 8);
    bytes.push(number & 255);
  }
  return Uint8Array.from(bytes);
}
