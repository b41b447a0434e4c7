/** Requests to the issuer, each with an end, each answer told apart from no answer. */

import * as base64url from "../format/base64url.js";
import { publicJwk, random, sha256, signJwt } from "./keys.js";

/** Milliseconds after which a request counts as not answered. */
const PATIENCE = 20_000;

/** Nobody answered; the same request may be made again. */
export class Unreachable extends Error {
  /** @param {unknown} cause What the browser said. */
  constructor(cause) {
    super("the issuer cannot be reached", { cause });
    this.name = "Unreachable";
  }
}

/** The issuer refused. */
export class Refused extends Error {
  /**
   * @param {number} status Of HTTP.
   * @param {string} code The error in its answer, as the standards or the holder's own API name it; empty where it has none.
   * @param {number} retryAfter Seconds after which to try again; 0 where it does not say.
   */
  constructor(status, code, retryAfter) {
    super(`refused: ${status} ${code}`);
    this.name = "Refused";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * @param {unknown} error Anything that was thrown.
 * @returns {boolean} Whether the same question may be answered later.
 */
export function mayPass(error) {
  return error instanceof Unreachable || (error instanceof Refused && (error.status === 429 || error.status >= 500));
}

export class Network {
  #clock;
  #fetch;
  #timer;
  /** The value that the issuer wants to see in the next proof, by origin. */
  #nonces = new Map();

  /**
   * @param {import("./clock.js").Clock} clock Learns from every answer.
   * @param {typeof fetch} [ask] By default the browser's.
   * @param {() => number} [timer] By default the browser's.
   */
  constructor(clock, ask = (...given) => fetch(...given), timer = () => performance.now()) {
    this.#clock = clock;
    this.#fetch = ask;
    this.#timer = timer;
  }

  /**
   * Ask without a token.
   *
   * @param {string} url Of the issuer.
   * @param {RequestInit} [options] As `fetch` takes them.
   * @returns {Promise<Response>} Status 2xx or 304.
   * @throws {Unreachable} Nobody answered in time.
   * @throws {Refused} Any other status.
   */
  async ask(url, options = {}) {
    const response = await this.#send(url, options);
    if (response.ok || response.status === 304) return response;
    throw await refusal(response);
  }

  /**
   * Ask with a proof of possession (RFC 9449), and once more where the issuer wants its own nonce in it.
   *
   * @param {string} url Of the issuer, without a query.
   * @param {RequestInit} options As `fetch` takes them.
   * @param {CryptoKeyPair} key That the token is bound to, or shall be.
   * @param {string} [token] The access token.
   * @returns {Promise<Response>} Status 2xx or 304.
   * @throws {Unreachable} Nobody answered in time.
   * @throws {Refused} Any other status.
   */
  async askBound(url, options, key, token) {
    for (let attempt = 0; ; attempt++) {
      const headers = new Headers(options.headers);
      headers.set("DPoP", await this.#proof(url, options.method ?? "GET", key, token));
      if (token) headers.set("Authorization", `DPoP ${token}`);
      const response = await this.#send(url, { ...options, headers });
      const nonce = response.headers.get("DPoP-Nonce");
      if (nonce) this.#nonces.set(new URL(url).origin, nonce);
      if (response.ok || response.status === 304) return response;
      const refused = await refusal(response);
      // A phone whose clock is wrong has just learned the time from the refusal.
      const mayRepeat = refused.code === "use_dpop_nonce" ? nonce : refused.code === "invalid_dpop_proof";
      if (!mayRepeat || attempt > 0) throw refused;
    }
  }

  async #send(url, options) {
    const asked = this.#timer();
    let response;
    try {
      response = await this.#fetch(url, {
        ...options, cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (error) {
      throw new Unreachable(error);
    }
    const date = Date.parse(response.headers.get("Date") ?? "");
    if (Number.isFinite(date)) this.#clock.learn(date, asked);
    return response;
  }

  async #proof(url, method, key, token) {
    const nonce = this.#nonces.get(new URL(url).origin);
    return signJwt(key, { typ: "dpop+jwt", jwk: await publicJwk(key) }, {
      jti: random(16),
      htm: method,
      htu: url,
      iat: Number(this.#clock.seconds()),
      ...(token && { ath: base64url.encode(await sha256(token)) }),
      ...(nonce && { nonce }),
    });
  }
}

/**
 * @param {Response} response Whole or cut off.
 * @returns {Promise<any>} The JSON in it.
 * @throws {Unreachable} It ends too early, or somebody between the phone and the issuer wrote it.
 */
export async function bodyOf(response) {
  try {
    return await response.json();
  } catch (error) {
    throw new Unreachable(error);
  }
}

async function refusal(response) {
  const challenge = /error="([^"]*)"/.exec(response.headers.get("WWW-Authenticate") ?? "");
  const body = await response.json().catch(() => ({}));
  // The standards name what went wrong `error`, the holder's own API `code`.
  const code = challenge?.[1] ?? body?.error ?? body?.code ?? "";
  return new Refused(response.status, String(code?.code ?? code), Number(response.headers.get("Retry-After")) || 0);
}
