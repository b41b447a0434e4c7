/**
 * What somebody asks for who is no officer, and what is shown: the parts that every start of the wallet needs.
 *
 * Reading a request and answering it is in `desk/`, which is fetched when it is needed: without network nobody asks.
 */

import * as base64url from "../format/base64url.js";
import { sha256, signJwt } from "./keys.js";

export const CARD = "urn:abtc:card:1";
export const BASIS = "urn:abtc:entry-basis:1";
/** What of a proof can be kept back. */
export const HIDDEN = Object.freeze(["stay_until", "form", "passport", "passport_mark"]);
/** How this wallet's own address carries a request: what stands behind the mark is sent to no server. */
const LINKED = "#ask?";

/** What was scanned or opened is not answered. */
export class NoRequest extends Error {
  /** @param {"unreadable" | "algorithm" | "unknown" | "elsewhere" | "sealing" | "over" | "kind" | "away"} why */
  constructor(why, cause) {
    super(`no request: ${why}`, { cause });
    this.name = "NoRequest";
    this.why = why;
  }
}

/**
 * @param {string} text What was scanned, opened or pasted.
 * @returns {boolean} Whether it looks like a request of a desk.
 */
export function isLink(text) {
  const query = queryOf(text);
  return query !== null && query.has("client_id") && (query.has("request_uri") || query.has("request"));
}

/** @returns {URLSearchParams | null} The parameters of a link; null where it is none. */
export function queryOf(text) {
  try {
    const { hash, searchParams } = new URL(text.trim());
    return hash.startsWith(LINKED) ? new URLSearchParams(hash.slice(LINKED.length)) : searchParams;
  } catch {
    return null;
  }
}

/**
 * @param {string} text Issuer JWT and disclosures, each followed by `~`.
 * @param {CryptoKeyPair} key That it is bound to.
 * @param {object} shown To whom.
 * @param {string} shown.audience
 * @param {string} shown.nonce
 * @param {bigint} shown.seconds This moment.
 * @returns {Promise<string>} Presentation text (RFC 9901, section 4.3).
 */
export async function bound(text, key, { audience, nonce, seconds }) {
  const claims = { iat: Number(seconds), aud: audience, nonce, sd_hash: base64url.encode(await sha256(text)) };
  return text + (await signJwt(key, { typ: "kb+jwt" }, claims));
}
