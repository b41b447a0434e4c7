/**
 * Answers that only the desk can read: encrypted for a key in its request.
 *
 * ECDH-ES on P-256 and AES-GCM, nothing else.  What a browser has of this is the agreement, the digest and the cipher.
 *
 * Source: OpenID4VP 1.0, section 8.3; RFC 7516; RFC 7518, sections 4.6 and 5.3.
 */

import * as base64url from "../format/base64url.js";
import { join, utf8 } from "../format/bytes.js";
import { NoRequest } from "../phone/asked.js";

const P256 = Object.freeze({ name: "ECDH", namedCurve: "P-256" });
const ALGORITHM = "ECDH-ES";
/** Bits of a key, by what is taken; the preferred first. */
const BITS = new Map([["A256GCM", 256], ["A128GCM", 128]]);
/** Where a desk says nothing. */
const DEFAULT = Object.freeze(["A128GCM"]);
const MOST_KEYS = 16;
const MOST_ID = 256;
const [IV, TAG] = [12, 16];

/**
 * Find for whom an answer is encrypted, and how.  Of several keys the first counts that fits: others may be for other wallets.
 *
 * @param {unknown} metadata Of a request: `client_metadata`.
 * @returns {Promise<{key: CryptoKey, keyId: string, encryption: string}>} It.
 * @throws {NoRequest} There is none that fits.
 */
export async function recipientIn(metadata) {
  const keys = metadata?.jwks?.keys;
  const offered = metadata?.encrypted_response_enc_values_supported ?? DEFAULT;
  const encryption = Array.isArray(offered) ? [...BITS.keys()].find((each) => offered.includes(each)) : undefined;
  const jwk = Array.isArray(keys) ? keys.slice(0, MOST_KEYS).find(fits) : undefined;
  if (encryption === undefined || jwk === undefined) throw new NoRequest("sealing");
  const { kty, crv, x, y } = jwk;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, P256, false, []).catch((error) => {
    throw new NoRequest("sealing", error);
  });
  return { key, keyId: jwk.kid, encryption };
}

/** Whether a key is one of ours to use.  One whose secret half is there as well keeps nothing secret. */
function fits(jwk) {
  const { kty, crv, alg, use = "enc", kid } = jwk ?? {};
  const isOurs = kty === "EC" && crv === "P-256" && alg === ALGORITHM && use === "enc";
  return isOurs && typeof kid === "string" && kid.length > 0 && kid.length <= MOST_ID && !Object.hasOwn(jwk, "d");
}

/**
 * @param {object} members Of an answer.
 * @param {{key: CryptoKey, keyId: string, encryption: string}} recipient Of `recipientIn`.
 * @returns {Promise<string>} A compact JWE.
 */
export async function sealed(members, { key, keyId, encryption }) {
  const own = await crypto.subtle.generateKey(P256, false, ["deriveBits"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", own.publicKey);
  const header = base64url.encode(utf8(JSON.stringify({ alg: ALGORITHM, enc: encryption, kid: keyId, epk: { kty, crv, x, y } })));
  const agreed = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: key }, own.privateKey, 256));
  const cipher = await crypto.subtle.importKey("raw", await derived(agreed, encryption), "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(IV));
  const how = { name: "AES-GCM", iv, additionalData: utf8(header), tagLength: 8 * TAG };
  const text = new Uint8Array(await crypto.subtle.encrypt(how, cipher, utf8(JSON.stringify(members))));
  const parts = [iv, text.subarray(0, -TAG), text.subarray(-TAG)].map((each) => base64url.encode(each));
  return [header, "", ...parts].join(".");
}

/** The first round of the derivation (NIST SP 800-56A, as RFC 7518 has it), which is enough for keys of these lengths. */
async function derived(agreed, encryption) {
  const bits = BITS.get(encryption);
  const name = utf8(encryption);
  // A counter; the secret; the algorithm's name; nothing of either party; how many bits.
  const input = join(number(1), agreed, number(name.length), name, number(0), number(0), number(bits));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", input)).subarray(0, bits / 8);
}

function number(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
