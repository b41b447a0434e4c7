/** Keys that never leave the phone, and what they sign. */

import * as base64url from "../format/base64url.js";
import { utf8 } from "../format/bytes.js";

const P256 = Object.freeze({ name: "ECDSA", namedCurve: "P-256" });
const ES256 = Object.freeze({ name: "ECDSA", hash: "SHA-256" });

/**
 * @returns {Promise<CryptoKeyPair>} A new key of P-256; its private half cannot be exported, by this page neither.
 */
export function makeKey() {
  return crypto.subtle.generateKey(P256, false, ["sign"]);
}

/**
 * @param {CryptoKeyPair} key Of P-256.
 * @returns {Promise<{kty: string, crv: string, x: string, y: string}>} Its public half, and nothing else.
 */
export async function publicJwk(key) {
  const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", key.publicKey);
  return { kty, crv, x, y };
}

/**
 * @param {CryptoKeyPair} key Of P-256.
 * @returns {Promise<string>} Its thumbprint (RFC 7638, SHA-256), in base64url.
 */
export async function thumbprint(key) {
  const { crv, kty, x, y } = await publicJwk(key);
  return base64url.encode(await sha256(JSON.stringify({ crv, kty, x, y })));
}

/**
 * @param {CryptoKeyPair} key Of P-256.
 * @param {Uint8Array} input What is signed.
 * @returns {Promise<Uint8Array>} r and s, 64 bytes.
 */
export async function sign(key, input) {
  return new Uint8Array(await crypto.subtle.sign(ES256, key.privateKey, input));
}

/**
 * @param {CryptoKeyPair} key Of P-256.
 * @param {object} header Without `alg`.
 * @param {object} payload The claims.
 * @returns {Promise<string>} A compact JWS, ES256.
 */
export async function signJwt(key, header, payload) {
  const input = [{ alg: "ES256", ...header }, payload].map((part) => base64url.encode(utf8(JSON.stringify(part)))).join(".");
  return `${input}.${base64url.encode(await sign(key, utf8(input)))}`;
}

/**
 * @param {string} text Any text.
 * @returns {Promise<Uint8Array>} SHA-256 of it in UTF-8.
 */
export async function sha256(text) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text)));
}

/**
 * @param {Uint8Array} bytes Any bytes.
 * @returns {Promise<Uint8Array>} SHA-256 of them.
 */
export async function sha256Of(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/**
 * @param {number} bytes How many.
 * @returns {string} So many random ones, in base64url.
 */
export function random(bytes) {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(bytes)));
}
