/** Requests: proofs in them, and what becomes of answers that are late, cut off, or refusals. */

import assert from "node:assert/strict";
import test from "node:test";
import { Clock } from "../../../wallet_api/web/phone/clock.js";
import { makeKey } from "../../../wallet_api/web/phone/keys.js";
import { Network, Refused, Unreachable, bodyOf } from "../../../wallet_api/web/phone/network.js";

const ISSUER = "https://wallet.example/AUS";
const NOW = 1_900_000_000_000;

/** A network on which these answers come, one after the other. */
function network(...answers) {
  const asked = [];
  const clock = new Clock({ wall: () => NOW, timer: () => 0 });
  const ask = async (url, options) => {
    asked.push({ url, ...options, proof: proofOf(options.headers) });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, clock, network: new Network(clock, ask, () => 0) };
}

function proofOf(headers) {
  const proof = new Headers(headers).get("DPoP");
  return proof && proof.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
}

function answer(status, body = "{}", headers = {}) {
  return new Response(body, { status, headers });
}

test("a proof is for one address, one method and one token, and shows the public key only", async () => {
  const { asked, network: net } = network(answer(200));
  await net.askBound(`${ISSUER}/credential`, { method: "POST" }, await makeKey(), "token");
  const [header, claims] = asked[0].proof;
  assert.deepEqual(Object.keys(header.jwk), ["kty", "crv", "x", "y"]);
  assert.equal(header.typ, "dpop+jwt");
  assert.equal(claims.htm, "POST");
  assert.equal(claims.htu, `${ISSUER}/credential`);
  assert.equal(claims.ath, "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A");
  assert.equal(claims.iat, NOW / 1000);
  assert.equal(new Headers(asked[0].headers).get("Authorization"), "DPoP token");
});

test("w7 no proof is sent twice", async () => {
  const { asked, network: net } = network(answer(200), answer(200));
  const key = await makeKey();
  await net.askBound(ISSUER, {}, key);
  await net.askBound(ISSUER, {}, key);
  assert.notEqual(asked[0].proof[1].jti, asked[1].proof[1].jti);
});

test("the issuer's own nonce is put into the proof, and the request made once more", async () => {
  const wants = answer(400, '{"error":"use_dpop_nonce"}', { "DPoP-Nonce": "n-1" });
  const { asked, network: net } = network(wants, answer(200), answer(200));
  const key = await makeKey();
  await net.askBound(ISSUER, {}, key);
  await net.askBound(ISSUER, {}, key);
  assert.deepEqual(asked.map(({ proof }) => proof[1].nonce), [undefined, "n-1", "n-1"]);
});

test("an issuer that never has enough of nonces is not asked for ever", async () => {
  const wants = () => answer(400, '{"error":"use_dpop_nonce"}', { "DPoP-Nonce": "n" });
  const { asked, network: net } = network(wants(), wants(), wants());
  await assert.rejects(net.askBound(ISSUER, {}, await makeKey()), { code: "use_dpop_nonce" });
  assert.equal(asked.length, 2);
});

test("a phone with a wrong clock learns the time from the refusal and is taken the second time", async () => {
  const date = new Date(NOW + 3_600_000).toUTCString();
  const { asked, network: net } = network(answer(400, '{"error":"invalid_dpop_proof"}', { Date: date }), answer(200));
  await net.askBound(ISSUER, {}, await makeKey());
  assert.equal(asked[0].proof[1].iat, NOW / 1000);
  assert.ok(Math.abs(asked[1].proof[1].iat - (NOW / 1000 + 3_600)) <= 1);
});

test("no answer, and an answer of somebody between, are not refusals", async () => {
  const { network: net } = network(new TypeError("failed"), answer(200, "<html>Sign in to the hotel's network"));
  await assert.rejects(net.ask(ISSUER), Unreachable);
  await assert.rejects(bodyOf(await net.ask(ISSUER)), Unreachable);
});

test("a refusal says which one it is, wherever the standard puts the word", async () => {
  const key = await makeKey();
  for (const [refusal, code, after] of [
    [answer(400, '{"error":"invalid_grant"}'), "invalid_grant", 0],
    [answer(401, "", { "WWW-Authenticate": 'DPoP error="invalid_token", algs="ES256"' }), "invalid_token", 0],
    [answer(429, '{"error":{"code":"request.rate"}}', { "Retry-After": "7" }), "request.rate", 7],
    [answer(502, "<html>"), "", 0],
  ]) {
    const { network: net } = network(refusal);
    const error = await net.askBound(ISSUER, {}, key).catch((found) => found);
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.code, error.retryAfter], [code, after]);
  }
});

test("w13 nothing is asked with cookies, from a cache, or after a redirect", async () => {
  const { asked, network: net } = network(answer(200));
  await net.ask(ISSUER);
  const [{ cache, credentials, redirect }] = asked;
  assert.deepEqual({ cache, credentials, redirect }, { cache: "no-store", credentials: "omit", redirect: "error" });
});
