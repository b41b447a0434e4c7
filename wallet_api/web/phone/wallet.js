/**
 * Cards on this phone, and what happens to them: taken, brought up to date, moved away.
 *
 * Every step is kept before the next is begun, so that a page that is closed in the middle, or opened twice, goes on
 * where it was and never asks for a second card.
 */

import * as base64url from "../format/base64url.js";
import { fromUtf8 } from "../format/bytes.js";
import { demand } from "../format/errors.js";
import { pack } from "../format/packing.js";
import { Issuer, readOffer } from "./issuer.js";
import { makeKey, publicJwk, random } from "./keys.js";
import { Refused } from "./network.js";

/** Where a card stands on this phone. */
export const STEP = Object.freeze({
  /** An offer was read; its one-time code is not given yet, or the issuer has not answered. */
  OFFERED: "offered",
  /** The issuer knows this phone; the holder has not said yes. */
  SHOWN: "shown",
  /** The issuer will have the card later. */
  WAITING: "waiting",
  HELD: "held",
  /** Another phone has it, or the issuer ended it: the code is not shown any more. */
  ENDED: "ended",
});
/** What the issuer may say of the credential on this phone. */
const OVER = new Set(["superseded", "revoked"]);

export class Wallet {
  #store;
  #clock;
  #network;
  #origin;

  /**
   * @param {object} given What it needs.
   * @param {object} given.store Of `openStore`.
   * @param {import("./clock.js").Clock} given.clock What time it is.
   * @param {import("./network.js").Network} given.network How it asks.
   * @param {string} given.origin Of this page; offers of others are refused.
   */
  constructor({ store, clock, network, origin }) {
    this.#store = store;
    this.#clock = clock;
    this.#network = network;
    this.#origin = origin;
  }

  /** @returns {Promise<object[]>} The cards on this phone, the one taken last first. */
  async cards() {
    return (await this.#store.cards()).sort((one, other) => other.addedAt - one.addedAt);
  }

  /**
   * Begin with an offer; the same offer again goes on with what was begun.
   *
   * @param {string} text A link, as scanned or opened.
   * @returns {Promise<object>} A card at step `offered` or later.
   * @throws {import("./issuer.js").NoOffer} None for this wallet.
   */
  async begin(text) {
    const offer = await readOffer(text, this.#network, this.#origin);
    const known = (await this.#store.cards()).find((card) => card.offer?.code === offer.code);
    if (known) return known;
    const [tokenKey, holderKey] = await Promise.all([makeKey(), makeKey()]);
    const card = {
      id: random(12), step: STEP.OFFERED, economy: offer.economy, issuer: offer.issuer, offer, tokenKey, holderKey,
      tokens: {}, addedAt: this.#clock.now(),
    };
    await this.#store.putCard(card);
    return card;
  }

  /**
   * Give the one-time code.
   *
   * @param {object} card At step `offered`.
   * @param {string | null} txCode As the holder typed it, digits only; null where none is wanted.
   * @returns {Promise<object>} At step `shown`.
   */
  async redeem(card, txCode) {
    await this.#issuer(card).redeem(card.offer.code, txCode);
    return this.#edit(card, { step: STEP.SHOWN });
  }

  /** @returns {Promise<object>} Whose card it would be: to be shown before the holder says yes. */
  async preview(card) {
    return (await this.#issuer(card).get("holder/preview")).json();
  }

  /**
   * Say yes, and ask for the card.
   *
   * @param {object} card At step `shown` or `waiting`.
   * @returns {Promise<object>} At step `held`, or `waiting` where the issuer has it later.
   */
  async accept(card) {
    const issuer = this.#issuer(card);
    const answer = card.transaction
      ? await issuer.deferred(card.transaction)
      : await issuer.credential(card.offer.configuration, card.holderKey);
    if (answer.transaction) {
      return this.#edit(card, { step: STEP.WAITING, transaction: answer.transaction, interval: answer.interval });
    }
    await this.#check(card, answer.credential);
    const held = await this.#edit(card, {
      step: STEP.HELD, text: answer.credential, transaction: undefined, updatedAt: this.#clock.now(),
    });
    if (answer.notification) await issuer.notify(answer.notification, "credential_accepted").catch(() => {});
    return held;
  }

  /** Say no: the issuer is told, and nothing of the offer stays on this phone. */
  async decline(card) {
    if (card.step === STEP.SHOWN) await this.#issuer(card).post("holder/decline", {}).catch(() => {});
    await this.#store.dropCard(card.id);
  }

  /**
   * Ask what has changed, and fetch the newest credential where there is one.
   *
   * @param {object} card At step `held`.
   * @returns {Promise<object>} With new facts, or as it was; at step `ended` where it is over on this phone.
   * @throws {import("./network.js").Unreachable} Nobody answered; the card works as before.
   */
  async refresh(card) {
    const issuer = this.#issuer(card);
    let answer;
    try {
      answer = await issuer.get("holder/card", card.factsTag);
    } catch (error) {
      if (!(error instanceof Refused && error.code === "invalid_grant")) throw error;
      return this.#edit(card, { signedOut: true });
    }
    const changes = { updatedAt: this.#clock.now() };
    if (answer.status !== 304) {
      changes.facts = await answer.json();
      changes.factsTag = answer.headers.get("ETag");
      if (OVER.has(changes.facts.credential.state)) changes.step = STEP.ENDED;
      else if (!changes.facts.credential.is_newest) changes.text = await this.#newest(card, issuer);
    }
    return this.#edit(card, changes);
  }

  /** @returns {Promise<object>} An offer for another phone: `offer`, a link, and `tx_code`. */
  async move(card) {
    return (await this.#issuer(card).post("holder/move", {})).json();
  }

  /** @returns {Promise<object[]>} The phones that have or had the card. */
  async devices(card) {
    return (await (await this.#issuer(card).get("holder/devices")).json()).devices;
  }

  /** Suspend the card of this phone; only the issuer lifts it again. */
  async suspend(card) {
    await this.#issuer(card).post("holder/suspend", {});
    return this.refresh(card);
  }

  /** Forget a card that has ended, and its keys. */
  forget(card) {
    return this.#store.dropCard(card.id);
  }

  async #newest(card, issuer) {
    const { credential } = await issuer.credential(card.offer.configuration, card.holderKey);
    if (!credential) return card.text;
    await this.#check(card, credential);
    return credential;
  }

  async #check(card, text) {
    await pack(text);
    const claims = claimsOf(text);
    const { x, y } = await publicJwk(card.holderKey);
    demand(claims.cnf?.jwk.x === x && claims.cnf.jwk.y === y, "a card for another phone");
  }

  async #edit(card, changes) {
    return (await this.#store.editCard(card.id, (kept) => ({ ...kept, ...changes }))) ?? { ...card, ...changes };
  }

  #issuer(card) {
    return new Issuer({
      network: this.#network, clock: this.#clock, issuer: card.issuer, tokenKey: card.tokenKey, tokens: card.tokens,
      keep: async (tokens) => {
        card.tokens = tokens;
        await this.#edit(card, { tokens });
      },
    });
  }
}

/**
 * @param {string} text An issuer JWT and `~`, packed before.
 * @returns {object} Its claims, for showing; not verified.
 */
export function claimsOf(text) {
  return JSON.parse(fromUtf8(base64url.decode(text.split(".")[1])));
}
