/** QR text: the packed form of a presentation (specification, section 5). */

import * as base45 from "./base45.js";
import * as base64url from "./base64url.js";
import { utf8 } from "./bytes.js";
import * as cbor from "./cbor.js";
import { checkChallenge } from "./challenge.js";
import { KEY, SIGNATURE_BYTES, fieldsOf, moment, payloadOf } from "./claims.js";
import { demand } from "./errors.js";
import { canonical, parseObject } from "./json.js";

export const PREFIX = "ABTC1:";
export const BORDER_AUDIENCE = "urn:abtc:border";
const MAX_QR_CHARACTERS = 4296;
const MAX_TEXT_CHARACTERS = 8192;
const PROOF_HEADER = '{"alg":"ES256","typ":"kb+jwt"}';
const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;
const PRINTABLE = /^[!-~]{1,256}$/;
const REQUIRED = [
  KEY.SIGNATURE, KEY.KEY_ID, KEY.ISSUER, KEY.ISSUED_AT, KEY.INDEX, KEY.LIST, KEY.DOCUMENT_NUMBER, KEY.FAMILY_NAME,
  KEY.GIVEN_NAME, KEY.BIRTHDATE, KEY.NATIONALITY, KEY.PASSPORT, KEY.FORM, KEY.ECONOMIES,
];
const KNOWN = new Set(Object.values(KEY));

/**
 * @param {string} presentation An issuer JWT and `~`, and for a phone the key binding JWT; at most 8,192 characters.
 * @returns {Promise<string>} Its QR text.
 * @throws {FormatError} Not a presentation, or not in canonical form: unpacking would not give the same text back.
 */
export async function pack(presentation) {
  const qrText = PREFIX + base45.encode(cbor.encode(fieldsOfPresentation(presentation)));
  demand((await unpack(qrText)) === presentation, "not in canonical form");
  return qrText;
}

/**
 * @param {string} qrText `ABTC1:` and base45; at most 4,296 characters.
 * @returns {Promise<string>} The presentation text: exactly what was signed.
 * @throws {FormatError} Not the canonical packing of a presentation.
 */
export async function unpack(qrText) {
  demand(qrText.startsWith(PREFIX) && qrText.length <= MAX_QR_CHARACTERS, "not ABTC1 QR text");
  const fields = cbor.decode(base45.decode(qrText.slice(PREFIX.length)));
  checkKeys(fields);
  const header = canonical(new Map([["alg", "ES256"], ["kid", keyId(fields)], ["typ", "dc+sd-jwt"]]));
  const card = `${jws(header, payloadOf(fields), fields.get(KEY.SIGNATURE))}~`;
  const presentation = card + (await proofOf(fields, card));
  demand(presentation.length <= MAX_TEXT_CHARACTERS, "unpacks to more than 8,192 characters");
  return presentation;
}

/**
 * What a phone signs to prove that it holds the key of its card (specification, section 3.3).
 *
 * @param {string} card An issuer JWT and `~`.
 * @param {{issuedAt: bigint, nonce?: string, audience?: string}} proof The present moment, in seconds; and the officer's
 *   challenge as the nonce, or what an online verifier asked for.
 * @returns {Promise<string>} Header and payload in base64url; ES256 over it makes the third part.
 */
export async function proofInput(card, proof) {
  return inputOf(await digestOf(card), proof);
}

async function digestOf(card) {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(card))));
}

function inputOf(digest, { issuedAt, nonce = `iat.${issuedAt}`, audience = BORDER_AUDIENCE }) {
  const payload = canonical(new Map([["iat", issuedAt], ["aud", audience], ["nonce", nonce], ["sd_hash", digest]]));
  return signingInput(PROOF_HEADER, payload);
}

/** A card that is shown again and again: all but the proof is digested and encoded once. */
export class Showing {
  #digest;
  #pairs;

  /**
   * @param {string} card An issuer JWT and `~`, of the app form; `pack` has taken it before.
   */
  constructor(card) {
    this.#digest = digestOf(card);
    this.#pairs = [...fieldsOfPresentation(card)].map(encodePair);
  }

  /**
   * @param {bigint} issuedAt The present moment, in seconds.
   * @param {(input: Uint8Array) => Promise<Uint8Array>} sign Makes the 64 bytes of an ES256 signature.
   * @param {string} [challenge] Of an officer's device, as `parseChallenge` read it.
   * @returns {Promise<string>} QR text to show for the next seconds.  It is always for a border: no challenge names another
   *   audience, nor a moment other than `issuedAt`.
   * @throws {FormatError} That is no challenge; nothing is signed.
   */
  async qrText(issuedAt, sign, challenge) {
    if (challenge !== undefined) checkChallenge(challenge);
    const input = inputOf(await this.#digest, { issuedAt, nonce: challenge });
    const proof = [[KEY.PROOF_ISSUED_AT, issuedAt], [KEY.PROOF_SIGNATURE, await sign(utf8(input))]];
    if (challenge !== undefined) proof.push([KEY.PROOF_NONCE, challenge]);
    return PREFIX + base45.encode(cbor.encodePairs([...this.#pairs, ...proof.map(encodePair)]));
  }
}

function encodePair([key, value]) {
  return [cbor.encode(key), cbor.encode(value)];
}

function checkKeys(fields) {
  demand(fields instanceof Map, "not a map");
  const numbers = [...fields.keys()].filter((key) => typeof key !== "string");
  demand(numbers.every((key) => KNOWN.has(key)) && REQUIRED.every((key) => fields.has(key)), "a key is missing or unknown");
  demand(fields.has(KEY.EXPIRY_DAYS) !== fields.has(KEY.EXPIRY), "not exactly one exp");
  const isProven = fields.has(KEY.PROOF_ISSUED_AT);
  demand(isProven === fields.has(KEY.PROOF_SIGNATURE), "half a proof");
  demand(isProven || !(fields.has(KEY.PROOF_NONCE) || fields.has(KEY.PROOF_AUDIENCE)), "nonce or aud without a proof");
  demand(!isProven || fields.has(KEY.HOLDER_KEY), "a physical card has no key binding");
}

function keyId(fields) {
  const value = fields.get(KEY.KEY_ID);
  demand(typeof value === "string" && KEY_ID.test(value), "kid is malformed");
  return value;
}

async function proofOf(fields, card) {
  if (!fields.has(KEY.PROOF_ISSUED_AT)) return "";
  const issuedAt = moment(fields.get(KEY.PROOF_ISSUED_AT));
  const nonce = stated(fields, KEY.PROOF_NONCE, `iat.${issuedAt}`);
  const audience = stated(fields, KEY.PROOF_AUDIENCE, BORDER_AUDIENCE);
  return `${await proofInput(card, { issuedAt, nonce, audience })}.${signatureText(fields.get(KEY.PROOF_SIGNATURE))}`;
}

function stated(fields, key, usual) {
  if (!fields.has(key)) return usual;
  const value = fields.get(key);
  demand(typeof value === "string" && PRINTABLE.test(value) && value !== usual, "nonce or aud malformed, or the usual one");
  return value;
}

function jws(header, payload, signature) {
  return `${signingInput(header, payload)}.${signatureText(signature)}`;
}

function signingInput(header, payload) {
  return `${base64url.encode(utf8(header))}.${base64url.encode(utf8(payload))}`;
}

function signatureText(signature) {
  demand(signature instanceof Uint8Array && signature.length === SIGNATURE_BYTES, "a signature is not 64 bytes");
  return base64url.encode(signature);
}

function fieldsOfPresentation(presentation) {
  demand(presentation.length <= MAX_TEXT_CHARACTERS, "longer than 8,192 characters");
  const [card, proof, ...more] = presentation.split("~");
  demand(proof !== undefined && more.length === 0, "not a card, one ~ and at most one proof");
  const { header, payload, signature } = parts(card);
  const fields = fieldsOf(payload);
  fields.set(KEY.SIGNATURE, signature);
  fields.set(KEY.KEY_ID, header.get("kid"));
  demand(typeof header.get("kid") === "string", "no kid");
  return proof === "" ? fields : new Map([...fields, ...proofFields(proof)]);
}

function proofFields(proof) {
  const { payload, signature } = parts(proof);
  const issuedAt = moment(payload.get("iat"));
  const fields = [[KEY.PROOF_ISSUED_AT, issuedAt], [KEY.PROOF_SIGNATURE, signature]];
  for (const [key, name, usual] of [
    [KEY.PROOF_NONCE, "nonce", `iat.${issuedAt}`],
    [KEY.PROOF_AUDIENCE, "aud", BORDER_AUDIENCE],
  ]) {
    const value = payload.get(name);
    demand(typeof value === "string", `${name} is not text`);
    if (value !== usual) fields.push([key, value]);
  }
  return fields;
}

function parts(token) {
  const [header, payload, signature, ...more] = token.split(".");
  demand(signature !== undefined && more.length === 0, "not three parts");
  return {
    header: parseObject(base64url.decode(header)),
    payload: parseObject(base64url.decode(payload)),
    signature: base64url.decode(signature),
  };
}
