/**
 * Strict JSON (specification, section 2): what `JSON.parse` lets through, this refuses.
 *
 * An object becomes a `Map` in the order of its members, and every integer a `bigint`, so that nothing is rounded and no
 * name has a meaning of its own.
 */

import { fromUtf8, isWellFormed } from "./bytes.js";
import { FormatError, demand } from "./errors.js";

const MAX_DEPTH = 16;
const MAX_COMMAS = 65536;
const EXACT = 2n ** 53n;
const MAX_INDEX = 2n ** 64n - 1n;
const SPACE = /[ \t\n\r]*/y;
const INTEGER = /-?(?:0|[1-9][0-9]*)(?![.eE0-9])/y;
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = new Map([["true", true], ["false", false], ["null", null]]);

/**
 * @param {Uint8Array} bytes UTF-8.
 * @returns {Map<string, unknown>} The object that they are.
 * @throws {FormatError} Not strict JSON, not an object, nested deeper than 16, or more than 65,536 commas.
 */
export function parseObject(bytes) {
  demand(bytes.reduce((count, byte) => count + (byte === 0x2c ? 1 : 0), 0) <= MAX_COMMAS, "too many values");
  const reader = new Reader(fromUtf8(bytes));
  const value = reader.value(1, "");
  reader.end();
  demand(value instanceof Map, "not a JSON object");
  return value;
}

/**
 * @param {unknown} value As `parseObject` makes them.
 * @returns {string} Canonical JSON; the order of members is the caller's.
 */
export function canonical(value) {
  if (value instanceof Map) {
    return `{${[...value].map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}

class Reader {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
    this.#take(SPACE);
  }

  end() {
    demand(this.#at === this.#text.length, "something after the JSON");
  }

  value(depth, name) {
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return this.#string();
    for (const [word, meaning] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) return this.#skip(word.length), meaning;
    }
    return this.#integer(name);
  }

  #object(depth) {
    const members = new Map();
    this.#each(depth, "}", () => {
      demand(this.#text[this.#at] === '"', "a member without a name");
      const name = this.#string();
      demand(!members.has(name), "duplicate member");
      this.#mark(":");
      members.set(name, this.value(depth + 1, name));
    });
    return members;
  }

  #array(depth) {
    const values = [];
    this.#each(depth, "]", () => values.push(this.value(depth + 1, "")));
    return values;
  }

  #each(depth, closing, read) {
    demand(depth <= MAX_DEPTH, "nested too deep");
    this.#skip(1);
    if (this.#text[this.#at] !== closing) {
      read();
      while (this.#text[this.#at] === ",") {
        this.#skip(1);
        read();
      }
    }
    this.#mark(closing);
  }

  #string() {
    const text = JSON.parse(this.#take(TEXT, "not a JSON string"));
    demand(isWellFormed(text), "unpaired surrogate");
    this.#take(SPACE);
    return text;
  }

  #integer(name) {
    const digits = this.#take(INTEGER, "not an integer");
    demand(digits !== "-0" && digits.length <= 20, "integer out of range");
    const number = BigInt(digits);
    const most = name === "idx" ? MAX_INDEX : EXACT;
    demand(-most <= number && number <= most, "integer out of range");
    this.#take(SPACE);
    return number;
  }

  #mark(mark) {
    demand(this.#text[this.#at] === mark, `no ${mark}`);
    this.#skip(1);
  }

  #skip(count) {
    this.#at += count;
    this.#take(SPACE);
  }

  #take(pattern, why = "not JSON") {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw new FormatError(why);
    this.#at = pattern.lastIndex;
    return found[0];
  }
}
