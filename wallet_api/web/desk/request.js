/**
 * Answering a desk that asks over the network: who asks, is it proven, what it wants, and the answer.
 *
 * Only signed requests are read, of somebody whose certificate leads to a root that this wallet was given; the page asks
 * desks itself, at the addresses that its policy names, so that no server of an economy learns who asked.
 *
 * Source: OpenID4VP 1.0, sections 5, 6, 7 and 8.
 */

import * as base64url from "../format/base64url.js";
import { fromUtf8, utf8 } from "../format/bytes.js";
import { FormatError, demand } from "../format/errors.js";
import { parseObject } from "../format/json.js";
import { fromBase64, proven } from "./certificates.js";
import { BASIS, CARD, HIDDEN, NoRequest, queryOf } from "../phone/asked.js";
import { random, sha256Of } from "../phone/keys.js";
import { recipientIn, sealed } from "./sealed.js";

const OPEN = new Set(["destination", "arrival", "answer"]);
const TYPE = "oauth-authz-req+jwt";
/** Ways to sign that others have.  A request in one of them is told so, and not taken: the scheme has ES256 alone. */
const OTHER_WAYS = /^(RS|PS)(256|384|512)$|^ES(384|512)$|^ES256K$|^Ed(DSA|25519|448)$/;
/** In clear within https, and encrypted beyond it: which of them is the request's to say, and then the answer is so. */
const [CLEAR, SEALED] = ["direct_post", "direct_post.jwt"];
/** Whom a request is for where nobody knows the wallet: a name, never an address that is asked. */
const AUDIENCE = "https://self-issued.me/v2";
const PREFIX = "x509_hash:";
const FORM = "application/x-www-form-urlencoded";
const MOST = 65_536;
const PATIENCE = 20_000;
/** Seconds by which the desk's clock and this one may differ. */
const SKEW = 60;
const CODE = /^[A-Z]{3}$/;
const DAY = /^\d{4}-\d\d-\d\d$/;

/**
 * Read a request, fetching it where the link says so, and check who asks.
 *
 * @param {string} text A link `openid4vp://?…`, or any with its parameters, or this wallet's own with `#ask?…`.
 * @param {object} given What is needed.
 * @param {{origins: string[], roots: string[]}} given.desks Who may be asked, and who is believed.
 * @param {number} given.now Milliseconds since 1970.
 * @returns {Promise<{who: string, clientId: string, place: string, nonce: string, state: string | null, wanted: object, recipient: object | null}>}
 * @throws {NoRequest} It is none that may be answered.
 */
export async function readRequest(text, { desks, now }) {
  const link = linkOf(text);
  const nonce = link.posts ? random(16) : null;
  const token = link.place ? await fetched(link.place, nonce, desks) : link.request;
  const { claims, who } = await signed(token, desks, now);
  if (claims.client_id !== link.clientId || (nonce !== null && claims.wallet_nonce !== nonce)) throw new NoRequest("unreadable");
  checkTimes(claims, now / 1000);
  return request(claims, who, desks);
}

function linkOf(text) {
  const query = queryOf(text);
  if (query === null || new Set(query.keys()).size !== [...query].length) throw new NoRequest("unreadable");
  const [place, given] = [query.get("request_uri"), query.get("request")];
  const method = query.get("request_uri_method") ?? "get";
  if (!query.has("client_id") || (place === null) === (given === null) || !["get", "post"].includes(method)) {
    throw new NoRequest("unreadable");
  }
  return { clientId: query.get("client_id"), place, request: given, posts: method === "post" && place !== null };
}

async function fetched(place, nonce, desks) {
  const posted = nonce !== null && { method: "POST", headers: { "Content-Type": FORM }, body: new URLSearchParams({ wallet_nonce: nonce }).toString() };
  const response = await ask(place, desks, { ...posted });
  if (response.status === 404 || response.status === 410) throw new NoRequest("over");
  const text = response.ok ? await response.text().catch((error) => { throw new NoRequest("away", error); }) : "";
  const type = (response.headers.get("Content-Type") ?? "").split(";")[0].trim().toLowerCase();
  if (type !== `application/${TYPE}`) throw new NoRequest("away");
  return text;
}

/** Ask a desk: no cookies, no redirect, no word of where the holder came from. */
async function ask(place, desks, options) {
  if (!isAllowed(place, desks)) throw new NoRequest("elsewhere");
  try {
    return await fetch(place, {
      ...options, cache: "no-store", credentials: "omit", mode: "cors", redirect: "error", referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (error) {
    throw new NoRequest("away", error);
  }
}

function isAllowed(place, { origins }) {
  try {
    const { origin, username, password } = new URL(place);
    return origins.includes(origin) && !username && !password;
  } catch {
    return false;
  }
}

async function signed(token, desks, now) {
  const { header, claims, input, signature } = cut(token);
  const names = Object.keys(header).filter((name) => name !== "kid").sort();
  if (names.join() !== "alg,typ,x5c" || header.typ !== TYPE || !isTexts(header.x5c)) throw new NoRequest("unreadable");
  if (OTHER_WAYS.test(header.alg)) throw new NoRequest("algorithm");
  if (header.alg !== "ES256" || signature.length !== 64) throw new NoRequest("unreadable");
  try {
    const chain = header.x5c.map(fromBase64);
    const { name, key } = await proven(chain, desks.roots.map(fromBase64), now);
    const mark = base64url.encode(await sha256Of(chain[0]));
    demand(claims.client_id === PREFIX + mark, "who asks is not whose certificate it is");
    demand(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, utf8(input)), "not signed by whom it says");
    return { claims, who: name };
  } catch (error) {
    if (error instanceof FormatError) throw new NoRequest("unknown", error);
    throw error;
  }
}

function cut(token) {
  const parts = token.split(".");
  try {
    demand(token.length <= MOST && parts.length === 3, "no JWS");
    const [header, claims] = parts.slice(0, 2).map((part) => strict(base64url.decode(part)));
    return { header, claims, input: `${parts[0]}.${parts[1]}`, signature: base64url.decode(parts[2]) };
  } catch (error) {
    throw new NoRequest("unreadable", error);
  }
}

/** @returns {object} What strict JSON says, as plain objects. */
function strict(bytes) {
  parseObject(bytes);
  return JSON.parse(fromUtf8(bytes));
}

function checkTimes({ exp, nbf }, seconds) {
  const isTime = (value) => value === undefined || Number.isInteger(value);
  if (!isTime(exp) || !isTime(nbf)) throw new NoRequest("unreadable");
  if (seconds > (exp ?? seconds) + SKEW || seconds < (nbf ?? seconds) - SKEW) throw new NoRequest("over");
}

async function request(claims, who, desks) {
  const { aud, response_type: type, response_mode: mode, response_uri: place, nonce, state = null, dcql_query: query } = claims;
  const isOurs = aud === AUDIENCE && type === "vp_token" && [CLEAR, SEALED].includes(mode) && !Object.hasOwn(claims, "redirect_uri");
  if (!isOurs || Object.hasOwn(claims, "transaction_data")) throw new NoRequest("kind");
  if (typeof place !== "string" || typeof nonce !== "string" || !/^[!-~]{1,256}$/.test(nonce)) throw new NoRequest("unreadable");
  if (state !== null && typeof state !== "string") throw new NoRequest("unreadable");
  if (!isAllowed(place, desks)) throw new NoRequest("elsewhere");
  const recipient = mode === SEALED ? await recipientIn(claims.client_metadata) : null;
  return { who, clientId: claims.client_id, place, nonce, state, wanted: wantedOf(query), recipient };
}

// What is wanted

/**
 * @param {unknown} query In DCQL.
 * @returns {object} `{kind: "journey", id, destination, arrival, hidden}` or `{kind: "card", id, claims}`.
 * @throws {NoRequest} It asks for something else, or for more than one thing.
 */
export function wantedOf(query) {
  const asked = query?.credentials;
  if (!Array.isArray(asked) || asked.length !== 1 || Object.hasOwn(query, "credential_sets")) throw new NoRequest("kind");
  const [{ id, format, meta, claims = [] }] = asked;
  const types = meta?.vct_values;
  if (typeof id !== "string" || format !== "dc+sd-jwt" || !isTexts(types) || !Array.isArray(claims)) throw new NoRequest("kind");
  if (!claims.every(isClaim)) throw new NoRequest("kind");
  // A proof says less than the card: where either would do, it is the proof.
  if (types.includes(BASIS)) return journey(id, claims);
  if (types.includes(CARD)) return { kind: "card", id, claims };
  throw new NoRequest("kind");
}

function isClaim(claim) {
  const { path, values = [] } = claim ?? {};
  const isStep = (step) => typeof step === "string" || step === null || (Number.isInteger(step) && step >= 0);
  return Array.isArray(path) && path.length > 0 && path.every(isStep) && Array.isArray(values);
}

function journey(id, claims) {
  const names = new Set(claims.map(({ path }) => path[0]));
  if (![...names].every((name) => OPEN.has(name) || HIDDEN.includes(name))) throw new NoRequest("kind");
  const only = (name, pattern) => {
    const { values } = claims.find(({ path }) => path.length === 1 && path[0] === name) ?? {};
    if (values?.length !== 1 || typeof values[0] !== "string" || !pattern.test(values[0])) throw new NoRequest("kind");
    return values[0];
  };
  const arrival = only("arrival", DAY);
  if (Number.isNaN(Date.parse(arrival))) throw new NoRequest("kind");
  return { kind: "journey", id, destination: only("destination", CODE), arrival, hidden: HIDDEN.filter((name) => names.has(name)) };
}

/**
 * @param {{claims: object[]}} wanted Of `wantedOf`, for a card.
 * @param {object} card Its claims.
 * @returns {boolean} Whether the card has all that is asked for.
 */
export function answers({ claims }, card) {
  return claims.every(({ path, values }) => {
    const found = at(card, path);
    return values === undefined ? found.length > 0 : found.some((each) => typeof each !== "object" && values.includes(each));
  });
}

function at(value, [step, ...rest]) {
  if (step === undefined) return [value];
  if (step === null) return Array.isArray(value) ? value.flatMap((each) => at(each, rest)) : [];
  const has = typeof step === "string" ? isPlain(value) && Object.hasOwn(value, step) : Array.isArray(value) && step < value.length;
  return has ? at(value[step], rest) : [];
}

function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value) {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
}

// The answer

/**
 * @param {object} asked Of `readRequest`.
 * @param {string | null} presentation What is shown; null tells the desk that the holder said no.
 * @param {{origins: string[]}} desks Who may be asked.
 * @returns {Promise<string | null>} Where the holder is to go on, if anywhere; https only.
 * @throws {NoRequest} The desk does not take it, or did not say that it has.
 */
export async function reply(asked, presentation, desks) {
  const said = presentation === null
    ? { error: "access_denied" }
    : { vp_token: { [asked.wanted.id]: [presentation] } };
  const body = await formOf({ ...said, ...(asked.state !== null && { state: asked.state }) }, asked.recipient);
  const response = await ask(asked.place, desks, { method: "POST", headers: { "Content-Type": FORM }, body });
  if (!response.ok) throw new NoRequest(response.status >= 500 ? "away" : "over");
  const { redirect_uri: further } = (await response.json().catch(() => ({}))) ?? {};
  return typeof further === "string" && further.startsWith("https:") ? further : null;
}

/** The form that is posted: what is encrypted is all of it, and nothing stands beside it in clear. */
async function formOf(members, recipient) {
  if (recipient !== null) return new URLSearchParams({ response: await sealed(members, recipient) }).toString();
  const texts = Object.entries(members).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  return new URLSearchParams(texts).toString();
}
