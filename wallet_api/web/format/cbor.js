/**
 * The part of CBOR that a QR text uses (specification, section 5.1; RFC 8949 section 4.2.1).
 *
 * Integers are `bigint`, maps are `Map`; there are no tags, no floats and no indefinite lengths.  The decoder takes one
 * spelling of each value, so that what it read encodes to the same bytes.
 */

import { compare, fromUtf8, join, utf8 } from "./bytes.js";
import { demand } from "./errors.js";

const MAX_DEPTH = 6;
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const SIMPLE = new Map([[0xf4, false], [0xf5, true], [0xf6, null]]);
/** Bytes of an argument, by the five low bits of the first byte, and the least number that needs them. */
const LONG = new Map([[24, [1, 24n]], [25, [2, 1n << 8n]], [26, [4, 1n << 16n]], [27, [8, 1n << 32n]]]);

/**
 * @param {unknown} value A bigint, string, `Uint8Array`, array, `Map`, boolean or null.
 * @returns {Uint8Array} Its deterministic encoding; a map is put in order.
 */
export function encode(value) {
  if (typeof value === "bigint") return value < 0n ? head(NEGATIVE, -1n - value) : head(UNSIGNED, value);
  if (value instanceof Uint8Array) return join(head(BYTES, BigInt(value.length)), value);
  if (typeof value === "string") return encodeText(value);
  if (Array.isArray(value)) return join(head(ARRAY, BigInt(value.length)), ...value.map(encode));
  if (value instanceof Map) return encodePairs([...value].map(([key, inner]) => [encode(key), encode(inner)]));
  return Uint8Array.of([...SIMPLE].find(([, meaning]) => meaning === value)[0]);
}

/**
 * @param {[Uint8Array, Uint8Array][]} pairs Encoded keys and values.
 * @returns {Uint8Array} The map, in deterministic order.
 */
export function encodePairs(pairs) {
  const ordered = [...pairs].sort(([one], [other]) => compare(one, other));
  return join(head(MAP, BigInt(pairs.length)), ...ordered.flat());
}

/**
 * @param {Uint8Array} bytes One value and nothing else.
 * @returns {unknown} As `encode` takes them.
 * @throws {FormatError} Not deterministic CBOR of this part, or nested deeper than 6.
 */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(1);
  reader.end();
  return value;
}

function encodeText(text) {
  const bytes = utf8(text);
  return join(head(TEXT, BigInt(bytes.length)), bytes);
}

function head(kind, number) {
  if (number < 24n) return Uint8Array.of((kind << 5) | Number(number));
  const [low, [size]] = [...LONG].find(([, [bytes]]) => number < 1n << BigInt(8 * bytes));
  const parts = [(kind << 5) | low];
  for (let shift = BigInt(8 * (size - 1)); shift >= 0n; shift -= 8n) parts.push(Number((number >> shift) & 255n));
  return Uint8Array.from(parts);
}

class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  end() {
    demand(this.#at === this.#bytes.length, "bytes after the CBOR");
  }

  value(depth) {
    const [first] = this.#take(1);
    if (SIMPLE.has(first)) return SIMPLE.get(first);
    const kind = first >> 5;
    demand(kind <= MAP, "a tag, a float or another simple value");
    const number = this.#number(first & 31);
    if (kind === UNSIGNED) return number;
    if (kind === NEGATIVE) return -1n - number;
    demand(number <= this.#bytes.length, "longer than what there is");
    if (kind === BYTES) return this.#take(Number(number));
    if (kind === TEXT) return fromUtf8(this.#take(Number(number)));
    demand(depth <= MAX_DEPTH, "nested too deep");
    return kind === ARRAY ? this.#array(Number(number), depth) : this.#map(Number(number), depth);
  }

  #array(length, depth) {
    return Array.from({ length }, () => this.value(depth + 1));
  }

  #map(length, depth) {
    const map = new Map();
    let before = new Uint8Array();
    for (let count = 0; count < length; count++) {
      const from = this.#at;
      const key = this.value(depth + 1);
      const encoded = this.#bytes.subarray(from, this.#at);
      demand(compare(before, encoded) < 0, "map keys out of order, or one twice");
      map.set(key, this.value(depth + 1));
      before = encoded;
    }
    return map;
  }

  #number(low) {
    if (low < 24) return BigInt(low);
    demand(LONG.has(low), "an indefinite length");
    const [size, least] = LONG.get(low);
    const number = this.#take(size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    demand(number >= least, "a long form of a small number");
    return number;
  }

  #take(count) {
    demand(this.#at + count <= this.#bytes.length, "the CBOR ends too early");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}
