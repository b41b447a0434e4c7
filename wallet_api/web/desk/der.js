/** DER (ITU-T X.690): definite lengths in their shortest form, one spelling of everything that is read here. */

import { demand } from "../format/errors.js";

export const TAG = Object.freeze({
  BOOLEAN: 0x01, INTEGER: 0x02, BITS: 0x03, OCTETS: 0x04, OID: 0x06, UTF8: 0x0c, PRINTABLE: 0x13, IA5: 0x16, UTC_TIME: 0x17,
  TIME: 0x18, SEQUENCE: 0x30, SET: 0x31,
});

/**
 * @param {Uint8Array} bytes One value and nothing behind it.
 * @returns {{tag: number, whole: Uint8Array, body: Uint8Array}} It.
 * @throws {FormatError} It is none.
 */
export function readOne(bytes) {
  const all = readAll(bytes);
  demand(all.length === 1, "not one DER value");
  return all[0];
}

/**
 * @param {Uint8Array} bytes Values one behind the other.
 * @returns {{tag: number, whole: Uint8Array, body: Uint8Array}[]} They.
 * @throws {FormatError} They are none.
 */
export function readAll(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const { length, begins } = lengthAt(bytes, at + 1);
    demand(begins + length <= bytes.length, "DER ends too early");
    found.push({ tag: bytes[at], whole: bytes.subarray(at, begins + length), body: bytes.subarray(begins, begins + length) });
    at = begins + length;
  }
  return found;
}

/**
 * @param {{tag: number, body: Uint8Array}} value Of `readOne` or `readAll`.
 * @param {number} tag What it must be.
 * @returns {{tag: number, whole: Uint8Array, body: Uint8Array}[]} What is in it.
 * @throws {FormatError} It is something else.
 */
export function within(value, tag = TAG.SEQUENCE) {
  demand(value?.tag === tag, "another DER value");
  return readAll(value.body);
}

/** @returns {string} An object identifier in hexadecimal digits, as it is compared. */
export function oid(value) {
  demand(value?.tag === TAG.OID, "not an object identifier");
  return [...value.body].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function lengthAt(bytes, at) {
  const first = bytes[at];
  demand(first !== undefined && (bytes[at - 1] & 0x1f) !== 0x1f, "no DER");
  if (first < 0x80) return { length: first, begins: at + 1 };
  const count = first & 0x7f;
  demand(count >= 1 && count <= 3 && at + count < bytes.length, "a DER length of another form");
  const length = bytes.subarray(at + 1, at + 1 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  demand(length >= 0x80 && length >= 256 ** (count - 1), "a DER length that is not the shortest");
  return { length, begins: at + 1 + count };
}
