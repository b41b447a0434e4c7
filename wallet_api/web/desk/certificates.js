/**
 * Who somebody is, by a chain of certificates to a root that this wallet was given.
 *
 * Less than X.509 allows, and nothing that it does not: ECDSA on P-256 and P-384, RSA of 2,048 bits and more where somebody
 * vouches, no constraint that is critical and not understood, each certificate signed by the next one as it stands in the
 * chain.  Who asks has a key on P-256: requests are signed ES256.
 *
 * Source: RFC 5280, sections 4.1, 4.2 and 6.1; RFC 3279, section 2.3; RFC 4055, section 5; RFC 5480; RFC 5758.
 */

import { TAG, oid, readOne, within } from "./der.js";
import { fromUtf8 } from "../format/bytes.js";
import { demand } from "../format/errors.js";
import { plain } from "../dom.js";

const MOST = 4;
const [ECDSA, RSA] = ["ECDSA", "RSASSA-PKCS1-v1_5"];
/** Algorithm of a signature, and of a key, by what each is called in DER. */
const SIGNATURES = new Map([
  ["2a8648ce3d040302", { name: ECDSA, hash: "SHA-256" }], ["2a8648ce3d040303", { name: ECDSA, hash: "SHA-384" }],
  ["2a864886f70d01010b", { name: RSA, hash: "SHA-256" }], ["2a864886f70d01010c", { name: RSA, hash: "SHA-384" }],
  ["2a864886f70d01010d", { name: RSA, hash: "SHA-512" }],
]);
const EC_KEY = "2a8648ce3d0201";
const RSA_KEY = "2a864886f70d010101";
const LEAST_BITS = 2048;
const CURVES = new Map([["2a8648ce3d030107", { name: "P-256", bytes: 32 }], ["2b81040022", { name: "P-384", bytes: 48 }]]);
const CONSTRAINTS = "551d13";
const USAGE = "551d0f";
/** What may be critical: those above, what a key is for beyond that, and other names. */
const UNDERSTOOD = new Set([CONSTRAINTS, USAGE, "551d25", "551d11"]);
const ORGANIZATION = "55040a";
const COMMON_NAME = "550403";
const TEXTS = new Set([TAG.UTF8, TAG.PRINTABLE, TAG.IA5]);
const SIGNS = 0x80;
const SIGNS_CERTIFICATES = 0x04;
const [VERSION_TAG, EXTENSIONS_TAG] = [0xa0, 0xa3];
const MOST_NAME = 64;

/**
 * @param {Uint8Array[]} chain Certificates in DER: first whose key signs, then whoever vouches for the one before.
 * @param {Uint8Array[]} roots Certificates in DER that are believed.
 * @param {number} now Milliseconds since 1970.
 * @returns {Promise<{name: string, key: CryptoKey}>} The organization in the first, and its key for ES256.
 * @throws {FormatError} A certificate cannot be read, or nobody who is believed vouches for the first.
 */
export async function proven(chain, roots, now) {
  demand(chain.length > 0 && chain.length <= MOST, "no chain of certificates");
  const read = chain.map(parse);
  const known = roots.flatMap(readable);
  const last = read.at(-1);
  const named = known.filter((each) => same(each.subject, last.issuer) || same(each.whole, last.whole));
  demand(named.length > 0, "nobody known vouches for who asks");
  // Several have one name where somebody has a new key: any of them may have signed.
  const tried = await Promise.allSettled(named.map((root) => provenBy(root, read, now)));
  const found = tried.find(({ status }) => status === "fulfilled");
  if (found === undefined) throw tried[0].reason;
  return found.value;
}

async function provenBy(root, read, now) {
  const path = same(root.whole, read.at(-1).whole) ? read : [...read, root];
  demand(path.length > 1, "a root asks by itself");
  for (const [depth, each] of path.entries()) checkOne(each, depth, now);
  for (const [depth, each] of path.slice(0, -1).entries()) await checkSigned(each, path[depth + 1]);
  demand(read[0].curve?.name === "P-256", "the certificate's key is none on P-256");
  return { name: nameOf(read[0]), key: await keyOf(read[0], { name: ECDSA, hash: "SHA-256" }) };
}

/** A root of a kind that is none of ours vouches for nobody, and is no hindrance to the others. */
function readable(der) {
  try {
    return [parse(der)];
  } catch {
    return [];
  }
}

function parse(der) {
  const [content, algorithm, signature] = within(readOne(der));
  const parts = within(content);
  if (parts[0]?.tag === VERSION_TAG) parts.shift();
  const [, signedWith, issuer, validity, subject, key] = parts;
  demand(same(algorithm?.whole, signedWith?.whole), "two algorithms of one signature");
  const extensions = parts.slice(6).find(({ tag }) => tag === EXTENSIONS_TAG);
  return {
    whole: der, content: content.whole, signature: bits(signature), signed: SIGNATURES.get(oid(within(algorithm)[0])),
    issuer: issuer.whole, subject: subject.whole, subjectParts: subject, key: key.whole, curve: curveOf(key),
    times: within(validity).map(moment), extensions: extensions ? within(readOne(extensions.body)).map(extension) : [],
  };
}

/** @returns {{name: string, bytes: number} | null} The curve of a key; null if it is one of RSA. */
function curveOf(key) {
  const [kind, curve] = within(within(key)[0]);
  if (oid(kind) === RSA_KEY) return null;
  demand(oid(kind) === EC_KEY && CURVES.has(oid(curve)), "a key of another kind");
  return CURVES.get(oid(curve));
}

function checkOne(each, depth, now) {
  const [begins, ends] = each.times;
  demand(begins <= now && now <= ends, "a certificate is not good at this time");
  const names = each.extensions.map(({ id }) => id);
  demand(new Set(names).size === names.length, "an extension is there twice");
  demand(each.extensions.every(({ id, critical }) => !critical || UNDERSTOOD.has(id)), "a constraint that is not understood");
  const usage = each.extensions.find(({ id }) => id === USAGE);
  const wanted = depth === 0 ? SIGNS : SIGNS_CERTIFICATES;
  demand(!usage || (bits(readOne(usage.value))[0] & wanted) !== 0, "a key is for something else");
  if (depth > 0) checkAuthority(each, depth);
}

function checkAuthority(each, depth) {
  const found = each.extensions.find(({ id }) => id === CONSTRAINTS);
  const [isAuthority, length] = found ? within(readOne(found.value)) : [];
  demand(isAuthority?.tag === TAG.BOOLEAN && isAuthority.body[0] === 0xff, "somebody vouches who may not");
  // Of certificates between this one and the first.
  demand(length === undefined || integer(length) >= depth - 1, "a chain is longer than it may be");
}

async function checkSigned(each, by) {
  demand(same(each.issuer, by.subject) && each.signed !== undefined, "a certificate is not of whom it says");
  demand(each.signed.name === (by.curve === null ? RSA : ECDSA), "a certificate is not signed with whose key it says");
  const key = await keyOf(by, each.signed);
  const signature = by.curve === null ? each.signature : flat(each.signature, by.curve.bytes);
  const isGood = await crypto.subtle.verify(each.signed, key, signature, each.content);
  demand(isGood, "a certificate is not signed by whom it says");
}

async function keyOf({ key, curve }, { name, hash }) {
  const algorithm = curve === null ? { name, hash } : { name, namedCurve: curve.name };
  const found = await crypto.subtle.importKey("spki", key, algorithm, false, ["verify"]).catch(() => demand(false, "a key that is none"));
  demand(curve !== null || found.algorithm.modulusLength >= LEAST_BITS, "a key that is too short");
  return found;
}

/** Two numbers in DER become r and s of one length, as browsers take them. */
function flat(signature, length) {
  const joined = new Uint8Array(2 * length);
  const numbers = within(readOne(signature));
  demand(numbers.length === 2, "no signature");
  for (const [at, { tag, body }] of numbers.entries()) {
    const digits = body[0] === 0 ? body.subarray(1) : body;
    demand(tag === TAG.INTEGER && digits.length > 0 && digits.length <= length, "no signature");
    joined.set(digits, (at + 1) * length - digits.length);
  }
  return joined;
}

function nameOf({ subjectParts }) {
  const found = new Map();
  for (const set of within(subjectParts)) {
    for (const part of within(set, TAG.SET)) {
      const [kind, text] = within(part);
      if (TEXTS.has(text?.tag) && !found.has(oid(kind))) found.set(oid(kind), fromUtf8(text.body));
    }
  }
  const name = found.get(ORGANIZATION) ?? found.get(COMMON_NAME) ?? "";
  demand(name.trim() !== "" && name === plain(name) && name.length <= MOST_NAME, "the certificate does not say who asks");
  return name;
}

function extension(value) {
  const [id, ...rest] = within(value);
  const critical = rest[0]?.tag === TAG.BOOLEAN && rest.shift().body[0] !== 0;
  demand(rest.length === 1 && rest[0].tag === TAG.OCTETS, "no extension");
  return { id: oid(id), critical, value: rest[0].body };
}

function bits(value) {
  demand(value?.tag === TAG.BITS && value.body.length > 1, "not a string of bits");
  return value.body.subarray(1);
}

function integer({ tag, body }) {
  demand(tag === TAG.INTEGER && body.length === 1 && body[0] < 0x80, "not a small number");
  return body[0];
}

function moment({ tag, body }) {
  const text = fromUtf8(body);
  const found = (tag === TAG.UTC_TIME ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(text);
  demand(found !== null && (tag === TAG.UTC_TIME || tag === TAG.TIME), "not a time");
  const [year, ...rest] = found.slice(1).map(Number);
  const whole = tag === TAG.TIME ? year : year + (year < 50 ? 2000 : 1900);
  return Date.UTC(whole, rest[0] - 1, ...rest.slice(1));
}

function same(one, other) {
  return one !== undefined && other !== undefined && one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** @returns {Uint8Array} Base64 with padding, as chains are written (RFC 7515, section 4.1.6). */
export function fromBase64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    demand(btoa(String.fromCharCode(...bytes)) === text, "not base64");
    return bytes;
  } catch (error) {
    demand(error.name === "FormatError", "not base64");
    throw error;
  }
}
