/** The claims of a card: their grammar, their canonical order, and the values that stand for them in a code. */

import * as base64url from "./base64url.js";
import { compare, utf8 } from "./bytes.js";
import { demand } from "./errors.js";
import { canonical } from "./json.js";
import { compress, decompress } from "./p256.js";
import { ECONOMIES } from "./registry.js";

/** Keys of the packed map (specification, section 5.1). */
export const KEY = Object.freeze({
  SIGNATURE: 0n, KEY_ID: 1n, ISSUER: 2n, ISSUED_AT: 3n, EXPIRY_DAYS: 4n, EXPIRY: 5n, INDEX: 6n, LIST: 7n, HOLDER_KEY: 8n,
  DOCUMENT_NUMBER: 9n, FAMILY_NAME: 10n, GIVEN_NAME: 11n, BIRTHDATE: 12n, NATIONALITY: 13n, PASSPORT: 14n, FORM: 15n,
  ECONOMIES: 16n, PROOF_ISSUED_AT: 17n, PROOF_SIGNATURE: 18n, PROOF_NONCE: 19n, PROOF_AUDIENCE: 20n,
});
export const MAX_MOMENT = 4102444800n;
export const SIGNATURE_BYTES = 64;

const CARD_TYPE = "urn:abtc:card:1";
const NAMES = new Set([
  "iss", "vct", "iat", "exp", "status", "cnf", "document_number", "family_name", "given_name", "birthdate", "nationality",
  "passport", "form", "economies",
]);
const HIDING = new Set(["_sd", "_sd_alg", "..."]);
const FORMS = ["app", "physical"];
const SCHEME = "https://";
const URL_TEXT = /^(?=.{1,200}$)https:\/\/[a-z0-9.-]+(?::[0-9]+)?(?:\/[A-Za-z0-9._~-]+)*$/;
const CODE = /^[A-Z]{3}$/;
const NUMBER = /^[A-Z0-9]{1,22}$/;
const PERSON_NAME = /^(?=.{1,39}$)[A-Z]+(?: [A-Z]+)*$/;
const LIST_NUMBER = /^(?:0|[1-9][0-9]*)$/;
const MAX_LIST_NUMBER = 2n ** 32n - 1n;
const MAX_INDEX = 2n ** 64n - 1n;
const EXACT = 2n ** 53n;
const MAX_ECONOMIES = 64;
const MAX_NAME = 64;
const DAY = 86400n;
const FIRST_BIRTHDATE = Date.UTC(1900, 0, 1);
/** 2099-12-31, in days since 1900-01-01. */
const MAX_BIRTH_DAYS = 73048n;
const MS_PER_DAY = 86400000;

/**
 * Say in canonical JSON what a packed map stands for.
 *
 * @param {Map<bigint | string, unknown>} fields Every key that is required is there.
 * @returns {string} The payload of the issuer JWT.
 * @throws {FormatError} A value is of another type, out of bounds, or not the canonical one for its claim.
 */
export function payloadOf(fields) {
  const issuer = url(fields.get(KEY.ISSUER));
  const nationality = code(fields.get(KEY.NATIONALITY));
  const form = FORMS[fields.get(KEY.FORM)];
  demand(form !== undefined, "unknown form");
  const others = othersOf(fields);
  const issuedAt = moment(fields.get(KEY.ISSUED_AT));
  const expiresAt = expiry(fields);
  demand(issuedAt < expiresAt, "exp is not after iat");
  if (others.has("nbf")) moment(others.get("nbf"));
  return canonical(new Map([
    ["iss", issuer],
    ["vct", CARD_TYPE],
    ["iat", issuedAt],
    ["exp", expiresAt],
    ["status", status(issuer, fields)],
    ...confirmation(form, fields.get(KEY.HOLDER_KEY)),
    ["document_number", matching(NUMBER, fields.get(KEY.DOCUMENT_NUMBER))],
    ["family_name", matching(PERSON_NAME, fields.get(KEY.FAMILY_NAME))],
    ["given_name", fields.get(KEY.GIVEN_NAME) === "" ? "" : matching(PERSON_NAME, fields.get(KEY.GIVEN_NAME))],
    ["birthdate", birthdate(fields.get(KEY.BIRTHDATE))],
    ["nationality", nationality],
    ["passport", passport(fields.get(KEY.PASSPORT), nationality)],
    ["form", form],
    ["economies", economies(fields.get(KEY.ECONOMIES))],
    ...others,
  ]));
}

/**
 * Say which values stand for the claims of a card.  What they cannot say is found by turning them back.
 *
 * @param {Map<string, unknown>} claims The payload of an issuer JWT.
 * @returns {Map<bigint | string, unknown>} The map without the issuer's signature, its key id and the proof.
 * @throws {FormatError} A claim is missing, or is nothing that a value could stand for.
 */
export function fieldsOf(claims) {
  const issuer = text(claims, "iss");
  const list = object(object(claims, "status"), "status_list");
  const pass = object(claims, "passport");
  const nationality = text(claims, "nationality");
  const exp = integer(claims, "exp");
  const fields = new Map([
    [KEY.ISSUER, withoutScheme(issuer)],
    [KEY.ISSUED_AT, integer(claims, "iat")],
    exp % DAY === 0n ? [KEY.EXPIRY_DAYS, exp / DAY] : [KEY.EXPIRY, exp],
    [KEY.INDEX, integer(list, "idx")],
    [KEY.LIST, listNumber(issuer, text(list, "uri")) ?? withoutScheme(text(list, "uri"))],
    [KEY.DOCUMENT_NUMBER, text(claims, "document_number")],
    [KEY.FAMILY_NAME, text(claims, "family_name")],
    [KEY.GIVEN_NAME, text(claims, "given_name")],
    [KEY.BIRTHDATE, birthDays(text(claims, "birthdate"))],
    [KEY.NATIONALITY, packedCode(nationality)],
    [KEY.PASSPORT, packedPassport(text(pass, "country"), text(pass, "number"), nationality)],
    [KEY.FORM, BigInt(FORMS.indexOf(text(claims, "form")))],
    [KEY.ECONOMIES, packedEconomies(claims.get("economies"))],
  ]);
  if (claims.has("cnf")) {
    const jwk = object(object(claims, "cnf"), "jwk");
    fields.set(KEY.HOLDER_KEY, compress(base64url.decode(text(jwk, "x")), base64url.decode(text(jwk, "y"))));
  }
  for (const [name, value] of claims) if (!NAMES.has(name)) fields.set(name, value);
  return fields;
}

/**
 * @param {unknown} value Of any type.
 * @returns {bigint} The moment that it is, in seconds.
 * @throws {FormatError} It is none.
 */
export function moment(value) {
  demand(typeof value === "bigint" && 0n <= value && value <= MAX_MOMENT, "not a moment");
  return value;
}

/** Values into claims */

function expiry(fields) {
  if (!fields.has(KEY.EXPIRY)) return moment(days(fields.get(KEY.EXPIRY_DAYS)) * DAY);
  const seconds = moment(fields.get(KEY.EXPIRY));
  demand(seconds % DAY !== 0n, "exp belongs in days");
  return seconds;
}

function status(issuer, fields) {
  const index = fields.get(KEY.INDEX);
  demand(typeof index === "bigint" && 0n <= index && index <= MAX_INDEX, "idx is not an index");
  return new Map([["status_list", new Map([["idx", index], ["uri", listUri(issuer, fields.get(KEY.LIST))]])]]);
}

function listUri(issuer, value) {
  if (typeof value === "bigint") {
    demand(0n <= value && value <= MAX_LIST_NUMBER, "not the number of a list");
    return url(`${issuer.slice(SCHEME.length)}/status/${value}`);
  }
  const uri = url(value);
  demand(listNumber(issuer, uri) === null, "the status URI belongs in a number");
  return uri;
}

function confirmation(form, point) {
  demand((point !== undefined) === (form === "app"), "cnf goes with the app form, and only with it");
  if (point === undefined) return [];
  demand(point instanceof Uint8Array, "cnf is not bytes");
  const { x, y } = decompress(point);
  const jwk = new Map([["kty", "EC"], ["crv", "P-256"], ["x", base64url.encode(x)], ["y", base64url.encode(y)]]);
  return [["cnf", new Map([["jwk", jwk]])]];
}

function birthdate(value) {
  const count = days(value);
  demand(count <= MAX_BIRTH_DAYS, "birthdate is out of bounds");
  return new Date(FIRST_BIRTHDATE + Number(count) * MS_PER_DAY).toISOString().slice(0, 10);
}

function passport(value, nationality) {
  const country = Array.isArray(value) ? code(value[0]) : nationality;
  if (Array.isArray(value)) demand(value.length === 2 && country !== nationality, "not a pair of another code and a number");
  return new Map([["country", country], ["number", matching(NUMBER, Array.isArray(value) ? value[1] : value)]]);
}

function economies(value) {
  if (!Array.isArray(value)) return registered(value);
  const [bits, ...others] = value;
  demand(others.length > 0, "economies is a list without text");
  const codes = [...registered(bits), ...others.map(code)];
  demand(ascending(others) && codes.length <= MAX_ECONOMIES, "economies is too long or out of order");
  return codes.sort();
}

function registered(bits) {
  demand(typeof bits === "bigint" && 0n <= bits && bits < 1n << BigInt(ECONOMIES.length), "not a bit set of the registry");
  return ECONOMIES.filter((_, number) => (bits >> BigInt(number)) & 1n);
}

function ascending(codes) {
  return codes.every((each, at) => at === 0 || codes[at - 1] < each);
}

function code(value) {
  if (typeof value === "bigint") {
    const known = ECONOMIES[value];
    demand(known !== undefined, "a number that is not registered");
    return known;
  }
  demand(!ECONOMIES.includes(value), "a registered code stands as text");
  return matching(CODE, value);
}

function url(value) {
  demand(typeof value === "string", "URL is not text");
  return matching(URL_TEXT, SCHEME + value);
}

function days(value) {
  demand(typeof value === "bigint" && 0n <= value, "not a number of days");
  return value;
}

function matching(pattern, value) {
  // A `$` stands before a final line end as well in other languages; in this one it does not.
  demand(typeof value === "string" && pattern.test(value), "a claim is malformed");
  return value;
}

function othersOf(fields) {
  const others = [...fields].filter(([name]) => typeof name === "string");
  for (const [name, value] of others) {
    demand(!NAMES.has(name), "a claim under its own name");
    checkName(name);
    checkValue(value);
  }
  return new Map(others);
}

function checkName(name) {
  const length = [...name].length;
  demand(!HIDING.has(name) && 1 <= length && length <= MAX_NAME, "member name not allowed");
}

function checkValue(value) {
  demand(!(value instanceof Uint8Array), "a value that JSON cannot say");
  if (typeof value === "bigint") demand(-EXACT <= value && value <= EXACT, "integer beyond 2^53");
  if (Array.isArray(value)) value.forEach(checkValue);
  if (value instanceof Map) {
    for (const [name, inner] of value) {
      demand(typeof name === "string", "a member name is not text");
      checkName(name);
      checkValue(inner);
    }
  }
}

/** Claims into values */

function packedCode(value) {
  const number = ECONOMIES.indexOf(value);
  return number < 0 ? value : BigInt(number);
}

function packedPassport(country, number, nationality) {
  return country === nationality ? number : [packedCode(country), number];
}

function packedEconomies(codes) {
  demand(Array.isArray(codes), "economies is not a list");
  let bits = 0n;
  const others = [];
  for (const each of codes) {
    const packed = packedCode(each);
    if (typeof packed === "bigint") bits |= 1n << packed;
    else others.push(packed);
  }
  return others.length ? [bits, ...others] : bits;
}

function listNumber(issuer, uri) {
  const start = `${issuer}/status/`;
  const digits = uri.slice(start.length);
  if (!uri.startsWith(start) || !LIST_NUMBER.test(digits)) return null;
  return BigInt(digits) <= MAX_LIST_NUMBER ? BigInt(digits) : null;
}

function birthDays(value) {
  const at = Date.parse(`${value}T00:00:00Z`);
  demand(Number.isFinite(at) && at >= FIRST_BIRTHDATE, "birthdate is malformed");
  return BigInt(Math.floor((at - FIRST_BIRTHDATE) / MS_PER_DAY));
}

function withoutScheme(value) {
  demand(value.startsWith(SCHEME), "not an https URL");
  return value.slice(SCHEME.length);
}

function text(members, name) {
  const value = members.get(name);
  demand(typeof value === "string", `${name} is not text`);
  return value;
}

function integer(members, name) {
  const value = members.get(name);
  demand(typeof value === "bigint" && value >= 0n, `${name} is not an unsigned integer`);
  return value;
}

function object(members, name) {
  const value = members.get(name);
  demand(value instanceof Map, `${name} is not an object`);
  return value;
}

/**
 * @param {string} one A member's name.
 * @param {string} other Another.
 * @returns {number} Negative if `one` comes first: the shorter one in UTF-8, and among equals byte by byte.
 */
export function compareNames(one, other) {
  const [first, second] = [utf8(one), utf8(other)];
  return first.length - second.length || compare(first, second);
}
