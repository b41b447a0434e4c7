/** base64url without padding (RFC 4648 section 5), strict: every byte string has one spelling. */

import { demand } from "./errors.js";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));
/** Unused bits of the last digit, by the length of the text modulo 4. */
const UNUSED_BITS = { 0: 0, 2: 4, 3: 2 };

/**
 * @param {Uint8Array} bytes Of any length.
 * @returns {string} Their one spelling.
 */
export function encode(bytes) {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0x3fff;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += DIGITS[(held >> bits) & 63];
    }
  }
  return bits ? text + DIGITS[(held << (6 - bits)) & 63] : text;
}

/**
 * @param {string} text Of any length.
 * @returns {Uint8Array} The bytes whose spelling it is.
 * @throws {FormatError} Padding, a foreign character, a length of 4n+1, or unused bits that are set.
 */
export function decode(text) {
  const unused = UNUSED_BITS[text.length % 4];
  demand(unused !== undefined, "base64url length is 4n+1");
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const digit of text) {
    const value = VALUES.get(digit);
    demand(value !== undefined, "character outside base64url");
    held = ((held << 6) | value) & 0x3fff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  demand((held & ((1 << unused) - 1)) === 0, "unused bits of base64url are set");
  return bytes;
}
