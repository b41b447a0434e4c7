/** The wallet's side of OpenID4VCI 1.0 with a pre-authorized code, and of the holder's own API beside it. */

import { signJwt, publicJwk } from "./keys.js";
import { Refused, bodyOf } from "./network.js";

const GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";
/** How this wallet's own address carries an offer: what stands behind the mark is sent to no server. */
const LINKED = "#offer?";
const NAMED = /^[A-Z]{3}$/;

/** What was scanned or opened is no offer that this wallet can take. */
export class NoOffer extends Error {
  /** @param {"unreadable" | "elsewhere"} why Not an offer at all, or of an issuer with another wallet. */
  constructor(why) {
    super(`no offer: ${why}`);
    this.name = "NoOffer";
    this.why = why;
  }
}

/**
 * @param {string} text A link, as `readOffer` takes it.
 * @returns {string | null} Where its offer is; null where the link holds all of it.
 * @throws {NoOffer} It is no link.
 */
export function addressOf(text) {
  return queryOf(text).get("credential_offer_uri");
}

/**
 * Read an offer.  It is fetched from this wallet's own origin only, so that a code from a stranger makes the phone ask
 * nobody.
 *
 * @param {string} text A link `openid-credential-offer://?…`, or this wallet's own address with `#offer?…`.
 * @param {import("./network.js").Network} network Fetches an offer that is given by address.
 * @param {string} origin Of this wallet.
 * @returns {Promise<{issuer: string, economy: string, configuration: string, address: string | null, code: string,
 *   txCode: object | null}>}
 * @throws {NoOffer} It is none for this wallet.
 */
export async function readOffer(text, network, origin) {
  const given = queryOf(text);
  const address = given.get("credential_offer_uri");
  const offer = address === null ? parsed(given.get("credential_offer")) : await fetched(address, network, origin);
  const grant = offer?.grants?.[GRANT];
  const [configuration] = offer?.credential_configuration_ids ?? [];
  if (typeof grant?.["pre-authorized_code"] !== "string" || typeof configuration !== "string") {
    throw new NoOffer("unreadable");
  }
  const economy = economyOf(offer.credential_issuer, origin);
  return {
    issuer: offer.credential_issuer, economy, configuration, address,
    code: grant["pre-authorized_code"], txCode: grant.tx_code ?? null,
  };
}

function queryOf(text) {
  try {
    const { hash, searchParams } = new URL(text.trim());
    return hash.startsWith(LINKED) ? new URLSearchParams(hash.slice(LINKED.length)) : searchParams;
  } catch {
    throw new NoOffer("unreadable");
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new NoOffer("unreadable");
  }
}

async function fetched(address, network, origin) {
  if (!address.startsWith(`${origin}/`)) throw new NoOffer("elsewhere");
  return bodyOf(await network.ask(address));
}

function economyOf(issuer, origin) {
  const economy = typeof issuer === "string" && issuer.startsWith(`${origin}/`) ? issuer.slice(origin.length + 1) : "";
  if (!NAMED.test(economy)) throw new NoOffer("elsewhere");
  return economy;
}

/** One issuer, asked by one phone: its token is bound to a key of its own. */
export class Issuer {
  #network;
  #clock;
  #issuer;
  #tokenKey;
  #tokens;
  #keep;

  /**
   * @param {object} given What it needs.
   * @param {import("./network.js").Network} given.network How it asks.
   * @param {import("./clock.js").Clock} given.clock What time it is.
   * @param {string} given.issuer Identifier of the issuer.
   * @param {CryptoKeyPair} given.tokenKey The key that tokens are bound to.
   * @param {object} [given.tokens] As they were kept: `access`, `refresh`.
   * @param {(tokens: object) => Promise<void>} given.keep Called with tokens that are new, before they are used.
   */
  constructor({ network, clock, issuer, tokenKey, tokens = {}, keep }) {
    this.#network = network;
    this.#clock = clock;
    this.#issuer = issuer;
    this.#tokenKey = tokenKey;
    this.#tokens = tokens;
    this.#keep = keep;
  }

  /**
   * Redeem the code of an offer.  The same phone may ask again where the answer was lost.
   *
   * @param {string} code Of the offer.
   * @param {string | null} txCode That came another way; null where none is wanted.
   */
  async redeem(code, txCode) {
    await this.#token({ grant_type: GRANT, "pre-authorized_code": code, ...(txCode !== null && { tx_code: txCode }) });
  }

  /**
   * Ask for the credential: the first, or the newest one of the same phone.
   *
   * @param {string} configuration From the offer.
   * @param {CryptoKeyPair} holderKey Whose holder the card will name.
   * @returns {Promise<{credential?: string, notification?: string, transaction?: string, interval?: number}>} The card,
   *   or what to ask for it with later.
   */
  async credential(configuration, holderKey) {
    try {
      return await this.#credential(configuration, holderKey);
    } catch (error) {
      if (!isRefusal(error, "invalid_nonce")) throw error;
    }
    // It was old when it arrived.
    return this.#credential(configuration, holderKey);
  }

  async #credential(configuration, holderKey) {
    const proof = await this.proofOf(holderKey);
    return received(await this.post("credential", { credential_configuration_id: configuration, proofs: { jwt: [proof] } }));
  }

  /**
   * @param {CryptoKeyPair} key That a credential shall name.
   * @returns {Promise<string>} That this phone has it, for one request.
   */
  async proofOf(key) {
    const { c_nonce: nonce } = await bodyOf(await this.#network.ask(`${this.#issuer}/nonce`, { method: "POST" }));
    const claims = { aud: this.#issuer, iat: Number(this.#clock.seconds()), nonce };
    return signJwt(key, { typ: "openid4vci-proof+jwt", jwk: await publicJwk(key) }, claims);
  }

  /**
   * Ask for a credential that was not ready.
   *
   * @param {string} transaction What the issuer called it.
   * @returns {Promise<object>} As `credential`.
   */
  async deferred(transaction) {
    // Our issuers name the notification to those who ask for it: other wallets may not take one here.
    return received(await this.post("deferred", { transaction_id: transaction, notification: true }));
  }

  /**
   * Tell the issuer what became of a credential.  It does not depend on being told.
   *
   * @param {string} notification What the issuer called it.
   * @param {"credential_accepted" | "credential_failure" | "credential_deleted"} event What happened.
   */
  async notify(notification, event) {
    await this.post("notification", { notification_id: notification, event });
  }

  /**
   * @param {string} path Below the issuer.
   * @param {object} body Becomes JSON.
   * @returns {Promise<Response>} Status 2xx.
   */
  post(path, body) {
    return this.#bound(path, { method: "POST", headers: { "Content-Type": JSON_TYPE }, body: JSON.stringify(body) });
  }

  /**
   * @param {string} path Below the issuer.
   * @param {string} [known] Its ETag, where it is known already.
   * @returns {Promise<Response>} Status 2xx, or 304 where nothing has changed.
   */
  get(path, known) {
    return this.#bound(path, { headers: known ? { "If-None-Match": known } : {} });
  }

  async #bound(path, options) {
    const ask = () => this.#network.askBound(`${this.#issuer}/${path}`, options, this.#tokenKey, this.#tokens.access);
    if (!this.#tokens.access) await this.#refresh();
    try {
      return await ask();
    } catch (error) {
      if (!isRefusal(error, "invalid_token")) throw error;
    }
    await this.#refresh();
    return ask();
  }

  #refresh() {
    return this.#token({ grant_type: "refresh_token", refresh_token: this.#tokens.refresh ?? "" });
  }

  async #token(fields) {
    const response = await this.#network.askBound(
      `${this.#issuer}/token`,
      { method: "POST", headers: { "Content-Type": FORM }, body: new URLSearchParams(fields).toString() },
      this.#tokenKey,
    );
    const given = await bodyOf(response);
    this.#tokens = { access: given.access_token, refresh: given.refresh_token ?? this.#tokens.refresh };
    await this.#keep(this.#tokens);
  }
}

/**
 * @param {unknown} error Anything that was thrown.
 * @param {string} code As the standards name it.
 * @returns {boolean} Whether the issuer refused with this word.
 */
export function isRefusal(error, code) {
  return error instanceof Refused && error.code === code;
}

async function received(response) {
  const answer = await bodyOf(response);
  if (response.status === 202) return { transaction: answer.transaction_id, interval: answer.interval };
  return { credential: answer.credentials[0].credential, notification: answer.notification_id };
}
