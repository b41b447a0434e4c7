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
import { BASIS, bound } from "./asked.js";
import { Issuer, addressOf, isRefusal, readOffer } from "./issuer.js";
import { makeKey, publicJwk, random } from "./keys.js";
import { bodyOf } from "./network.js";
import { checkNumber } from "./counter.js";

/** Where a card stands on this phone. */
export const STEP = Object.freeze({
  /** An offer was read; its one-time code is not given yet, or the issuer has not answered. */
  OFFERED: "offered",
  /** An officer at a counter has not typed the check number of this phone yet. */
  COUNTER: "counter",
  /** The issuer knows this phone; the holder has not said yes. */
  SHOWN: "shown",
  /** The issuer will have the card later. */
  WAITING: "waiting",
  HELD: "held",
  /** Another phone has it, or the issuer ended it: the code is not shown any more. */
  ENDED: "ended",
});
/** Saved trips of a card; the oldest give way. */
const MOST_TRIPS = 20;
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
    const address = addressOf(text);
    // An offer that was taken is at its address no more, so what this phone made of it is looked up first.
    const taken = (await this.#store.cards()).find((card) => card.step !== STEP.OFFERED && isFrom(card, address));
    if (taken) return taken;
    const offer = await readOffer(text, this.#network, this.#origin);
    const known = (await this.#store.cards()).find((card) => card.offer?.code === offer.code);
    return known ?? this.#add({ step: STEP.OFFERED, economy: offer.economy, issuer: offer.issuer, offer });
  }

  /**
   * Begin at a counter: the phone makes its keys and shows a number that an officer types.
   *
   * @param {string} economy Whose counter it is.
   * @returns {Promise<object>} A card at step `counter`, with `counter`: `id`, `number`, `expires_at`.
   */
  async beginAtCounter(economy) {
    const issuer = `${this.#origin}/${economy}`;
    const tokenKey = await makeKey();
    const answer = await bodyOf(await this.#network.askBound(`${issuer}/counter`, asJson({}), tokenKey));
    const counter = { ...answer, number: await checkNumber(tokenKey, answer.random) };
    return this.#add({ step: STEP.COUNTER, economy, issuer, tokenKey, counter });
  }

  /**
   * Ask whether the officer has typed the number.
   *
   * @param {object} card At step `counter`.
   * @returns {Promise<object>} At step `shown`, or as it was.
   */
  async atCounter(card) {
    const request = asJson({ id: card.counter.id });
    const { offer: text } = await bodyOf(await this.#network.askBound(`${card.issuer}/counter`, request, card.tokenKey));
    if (!text) return card;
    const offer = await readOffer(text, this.#network, this.#origin);
    demand(offer.issuer === card.issuer, "an offer of another issuer");
    return this.redeem(await this.#edit(card, { step: STEP.OFFERED, offer }), null);
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
    return bodyOf(await this.#issuer(card).get("holder/preview"));
  }

  /**
   * Say yes, and ask for the card.
   *
   * @param {object} card At step `shown` or `waiting`.
   * @returns {Promise<object>} At step `held`, or `waiting` where the issuer has it later.
   */
  async accept(card) {
    const issuer = this.#issuer(card);
    const answer = await this.#ready(card, issuer);
    if (answer.transaction) {
      return this.#edit(card, { step: STEP.WAITING, transaction: answer.transaction, interval: answer.interval });
    }
    await this.#check(card, answer.credential);
    const held = await this.#edit(card, {
      step: STEP.HELD, text: answer.credential, transaction: undefined, updatedAt: this.#clock.now(), isNumberNew: true,
    });
    await thank(issuer, answer);
    return held;
  }

  /** Say no: the issuer is told, and nothing of the offer stays on this phone. */
  async decline(card) {
    if (card.step === STEP.SHOWN) await this.#issuer(card).post("holder/decline", {}).catch(() => {});
    await this.forget(card);
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
      if (!isRefusal(error, "invalid_grant")) throw error;
      return this.#edit(card, { signedOut: true });
    }
    const changes = { updatedAt: this.#clock.now(), signedOut: false };
    if (answer.status !== 304) {
      changes.facts = await bodyOf(answer);
      changes.factsTag = answer.headers.get("ETag");
      changes.news = newsOf(card, changes.facts);
    }
    const facts = changes.facts ?? card.facts;
    if (OVER.has(facts.credential.state)) return this.#edit(card, { ...changes, step: STEP.ENDED });
    if (facts.credential.is_newest) return this.#edit(card, changes);
    const newest = await issuer.credential(card.offer.configuration, card.holderKey);
    if (!newest.credential) return this.#edit(card, changes);
    await this.#check(card, newest.credential);
    const kept = await this.#edit(card, { ...changes, text: newest.credential, facts: asNewest(facts) });
    await thank(issuer, newest);
    return kept;
  }

  /** The holder has read what is new. */
  readNews(card) {
    return this.#edit(card, { news: [] });
  }

  /** The holder has noted the number of the card. */
  noteNumber(card) {
    return this.#edit(card, { isNumberNew: false });
  }

  /** @returns {Promise<object>} An offer for another phone: `offer` and `wallet_link`, its links, and `tx_code`. */
  async move(card) {
    return bodyOf(await this.#issuer(card).post("holder/move", {}));
  }

  /** End what this phone has offered: the card stays here. */
  async stay(card) {
    await this.#issuer(card).post("holder/stay", {});
  }

  /** @returns {Promise<object[]>} The phones that have or had the card, or wait for it. */
  async devices(card) {
    return (await bodyOf(await this.#issuer(card).get("holder/devices"))).devices;
  }

  /**
   * Sign another phone out that took an offer and waits for the card.
   *
   * @param {object} card At step `held`.
   * @param {number} id Of one of `devices`.
   */
  async remove(card, id) {
    await this.#issuer(card).post("holder/remove", { id });
  }

  /**
   * Keep a trip, to be compared with the card again whenever that changes.  It is kept on this phone only.
   *
   * @param {object} card At step `held`.
   * @param {{code: string, day: string}} trip Economy, and day of arrival as `YYYY-MM-DD`.
   * @returns {Promise<object>} The card with it.
   */
  saveTrip(card, { code, day }) {
    return this.#editTrips(card, (trips) => [...trips.filter(isOther({ code, day })), { code, day }].slice(-MOST_TRIPS));
  }

  /** @returns {Promise<object>} The card without a trip. */
  dropTrip(card, trip) {
    return this.#editTrips(card, (trips) => trips.filter(isOther(trip)));
  }

  /** Suspend the card of this phone; only the issuer lifts it again. */
  async suspend(card) {
    await this.#issuer(card).post("holder/suspend", {});
    return this.refresh(card);
  }

  /**
   * Suspend a card whose phone is lost, from any phone.
   *
   * @param {string} economy That issued it.
   * @param {string} code The lost-phone code, as printed when the card was activated.
   * @param {string} documentNumber Of the card.
   */
  async reportLost(economy, code, documentNumber) {
    await this.#network.ask(`${this.#origin}/${economy}/lost`, asJson({ code, document_number: documentNumber }));
  }

  /** @returns {Promise<{origins: string[], roots: string[]}>} Which desks this wallet answers, and who vouches for them. */
  async desks() {
    return bodyOf(await this.#network.ask(`${this.#origin}/desks`));
  }

  /**
   * Show the card to a desk.
   *
   * @param {object} card At step `held`.
   * @param {{clientId: string, nonce: string}} asked Who asks.
   * @returns {Promise<string>} Presentation text: all of the card, which hides nothing.
   */
  present(card, { clientId, nonce }) {
    return bound(card.text, card.holderKey, { audience: clientId, nonce, seconds: this.#clock.seconds() });
  }

  /**
   * Prove that the card gives an entry basis, and nothing else of it.  The key is made for this and kept nowhere: whoever is
   * shown this and whoever is shown the next one cannot find that it was one phone.
   *
   * @param {object} card At step `held`.
   * @param {{clientId: string, nonce: string, wanted: object}} asked Who asks, and about which journey.
   * @returns {Promise<string | null>} Presentation text; null where the issuer does not say that the card gives one.
   */
  async prove(card, { clientId, nonce, wanted: { destination, arrival, hidden } }) {
    const [issuer, key, seconds] = [this.#issuer(card), await makeKey(), this.#clock.seconds()];
    // As at a border: the issuer's verifier wants the nonce that a moment has.
    const presentation = await bound(card.text, card.holderKey, { audience: card.issuer, nonce: `iat.${seconds}`, seconds });
    const request = { presentation, proof: await issuer.proofOf(key), destination, arrival };
    const { answer, credential } = await bodyOf(await issuer.post("holder/entry-basis", request));
    if (answer !== "gives") return null;
    const text = shownOf(credential, await publicJwk(key), { destination, arrival, hidden });
    return bound(text, key, { audience: clientId, nonce, seconds: this.#clock.seconds() });
  }

  /** Forget a card, and its keys. */
  forget(card) {
    return this.#store.dropCard(card.id);
  }

  /** Ask the time, so that codes carry the right one. */
  async askTime() {
    await this.#network.ask(`${this.#origin}/time`);
  }

  async #add(card) {
    const [tokenKey, holderKey] = await Promise.all([card.tokenKey ?? makeKey(), makeKey()]);
    const added = { ...card, id: random(12), tokenKey, holderKey, tokens: {}, addedAt: this.#clock.now() };
    await this.#store.putCard(added);
    return added;
  }

  async #ready(card, issuer) {
    if (card.transaction) {
      try {
        return await issuer.deferred(card.transaction);
      } catch (error) {
        if (!isRefusal(error, "invalid_transaction_id")) throw error;
      }
    }
    // The same phone asks for the same card: asking again makes no second one.
    return issuer.credential(card.offer.configuration, card.holderKey);
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

  async #editTrips(card, edit) {
    const edited = await this.#store.editCard(card.id, (kept) => ({ ...kept, trips: edit(kept.trips ?? []) }));
    return edited ?? card;
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
 * @param {string} text A proof as the issuer gave it.
 * @param {{x: string, y: string}} key That it must be for.
 * @param {{destination: string, arrival: string, hidden: string[]}} wanted The journey, and what is shown of what can be kept back.
 * @returns {string} Its JWT and the disclosures that are wanted, each followed by `~`.
 * @throws {FormatError} It is none, or for something else.
 */
export function shownOf(text, { x, y }, { destination, arrival, hidden }) {
  const [token, ...disclosures] = text.split("~");
  demand(disclosures.pop() === "", "a proof that was bound elsewhere");
  const claims = claimsOf(token);
  demand(claims.vct === BASIS && claims.cnf?.jwk?.x === x && claims.cnf.jwk.y === y, "a proof for another phone");
  demand(claims.destination === destination && claims.arrival === arrival, "a proof for another journey");
  const wanted = disclosures.filter((each) => hidden.includes(JSON.parse(fromUtf8(base64url.decode(each)))[1]));
  return [token, ...wanted, ""].join("~");
}

function asJson(body) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

function isOther({ code, day }) {
  return (trip) => trip.code !== code || trip.day !== day;
}

function isFrom(card, address) {
  return address !== null && card.offer?.address === address;
}

function asNewest(facts) {
  return { ...facts, credential: { ...facts.credential, is_newest: true } };
}

/** Say that a credential is kept: until then the issuer takes the phone for one that does not have it. */
async function thank(issuer, { notification }) {
  if (notification) await issuer.notify(notification, "credential_accepted").catch(() => {});
}

/** Economies that answered since the holder last looked; nothing is new to somebody who has just got the card. */
function newsOf(card, facts) {
  const before = new Map((card.facts?.economies ?? []).map(({ code, state }) => [code, state]));
  const isNew = ({ code, state }) => before.has(code) && before.get(code) !== state;
  const codes = facts.economies.filter(isNew).map(({ code }) => code);
  return [...new Set([...(card.news ?? []), ...codes])];
}

/**
 * @param {string} text An issuer JWT and `~`, packed before.
 * @returns {object} Its claims, for showing; not verified.
 */
export function claimsOf(text) {
  return JSON.parse(fromUtf8(base64url.decode(text.split(".")[1])));
}
