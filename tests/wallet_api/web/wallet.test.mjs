/** A card on its way to a phone and on it: every step is kept, and what stops in the middle goes on. */

import assert from "node:assert/strict";
import test from "node:test";
import * as base64url from "../../../wallet_api/web/format/base64url.js";
import { Clock } from "../../../wallet_api/web/phone/clock.js";
import { Network, Refused, Unreachable } from "../../../wallet_api/web/phone/network.js";
import { Wallet } from "../../../wallet_api/web/phone/wallet.js";

const ORIGIN = "https://wallet.example";
const NOW = 1_900_000_000_000;
const GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
const OFFER = {
  credential_issuer: `${ORIGIN}/AUS`, credential_configuration_ids: ["abtc"],
  grants: { [GRANT]: { "pre-authorized_code": "secret", tx_code: { length: 6 } } },
};
const LINK = `openid-credential-offer://?credential_offer=${encodeURIComponent(JSON.stringify(OFFER))}`;
const FACTS = {
  holder: {}, passport: {}, expires_at: "2034-07-01T00:00:00Z", credential: { state: "valid", since: null, is_newest: true },
  economies: [{ code: "JPN", state: "waiting" }, { code: "CHN", state: "cleared" }],
};

/** What a browser keeps; one for all pages of the same phone. */
function store() {
  const kept = new Map();
  return {
    cards: async () => [...kept.values()],
    putCard: async (card) => void kept.set(card.id, card),
    editCard: async (id, edit) => kept.has(id) ? kept.set(id, edit(kept.get(id))).get(id) : undefined,
    dropCard: async (id) => void kept.delete(id),
  };
}

/** A phone, and the answers that it gets: by path, each a list of [status, body, headers] or an error. */
function phone(answers, kept = store()) {
  const asked = [];
  const ask = async (url, { body, headers }) => {
    const path = url.slice(ORIGIN.length);
    const proof = new Headers(headers).get("DPoP");
    asked.push({ path, body, key: proof && proofKey(proof) });
    const list = answers[path] ?? [[404]];
    const next = list.length > 1 ? list.shift() : list[0];
    if (next instanceof Error) throw next;
    const [status, told = {}, more = {}] = typeof next === "function" ? next({ body }) : next;
    return new Response(status === 204 || status === 304 ? null : JSON.stringify(told), { status, headers: more });
  };
  const clock = new Clock({ wall: () => NOW, timer: () => 0 });
  const network = new Network(clock, ask, () => 0);
  return { asked, kept, wallet: new Wallet({ store: kept, clock, network, origin: ORIGIN }) };
}

function json(part) {
  return JSON.parse(Buffer.from(part, "base64url"));
}

function proofKey(proof) {
  return json(proof.split(".")[0]).jwk.x;
}

/** An issuer's card for the key of a request, with a signature that only a verifier would look at. */
function cardFor({ body }, more = {}) {
  const { x, y } = json(JSON.parse(body).proofs.jwt[0].split(".")[0]).jwk;
  return card({ x, y }, more);
}

function card({ x, y }, more = {}) {
  const issuer = "https://abtc.example/AUS";
  const claims = {
    iss: issuer, vct: "urn:abtc:card:1", iat: 1890000000, exp: 1990000000,
    status: { status_list: { idx: 7, uri: `${issuer}/status/1` } }, cnf: { jwk: { kty: "EC", crv: "P-256", x, y } },
    document_number: "A1", family_name: "CITIZEN", given_name: "JANE", birthdate: "1980-02-29", nationality: "AUS",
    passport: { country: "AUS", number: "PA1" }, form: "app", economies: ["CHN"], ...more,
  };
  const header = { alg: "ES256", kid: "card-1", typ: "dc+sd-jwt" };
  const parts = [header, claims].map((part) => base64url.encode(new TextEncoder().encode(JSON.stringify(part))));
  return `${parts.join(".")}.${base64url.encode(new Uint8Array(64))}~`;
}

const TOKEN = [200, { access_token: "a", refresh_token: "r" }];
const GIVEN = (request) => [200, { credentials: [{ credential: cardFor(request) }] }];

function issuer(more = {}) {
  return {
    "/AUS/token": [TOKEN], "/AUS/nonce": [[200, { c_nonce: "n" }]], "/AUS/credential": [GIVEN],
    "/AUS/holder/card": [[200, FACTS, { ETag: '"1"' }]], ...more,
  };
}

async function held(answers = issuer(), kept = store()) {
  const made = phone(answers, kept);
  const shown = await made.wallet.redeem(await made.wallet.begin(LINK), "123456");
  return { ...made, card: await made.wallet.accept(shown) };
}

test("from an offer to a card, with one key for the token and another in the card", async () => {
  const { asked, card: found } = await held();
  assert.equal(found.step, "held");
  const token = asked.find(({ path }) => path === "/AUS/token");
  assert.equal(new URLSearchParams(token.body).get("tx_code"), "123456");
  const proof = JSON.parse(asked.find(({ path }) => path === "/AUS/credential").body).proofs.jwt[0];
  assert.notEqual(proofKey(proof), token.key);
  assert.deepEqual([json(proof.split(".")[1]).aud, json(proof.split(".")[1]).nonce], [`${ORIGIN}/AUS`, "n"]);
});

test("w2 a wrong code and a lost answer lose nothing: the same phone asks again with the same key", async () => {
  const answers = issuer({ "/AUS/token": [[400, { error: "invalid_grant" }], new TypeError("lost"), TOKEN] });
  const { asked, kept, wallet } = phone(answers);
  const offered = await wallet.begin(LINK);
  await assert.rejects(wallet.redeem(offered, "000000"), Refused);
  await assert.rejects(wallet.redeem(offered, "123456"), Unreachable);
  const [again] = await phone(answers, kept).wallet.cards();
  assert.equal((await wallet.redeem(again, "123456")).step, "shown");
  assert.equal(new Set(asked.map(({ key }) => key)).size, 1);
});

test("an offer that is opened twice, or in two pages, is one card", async () => {
  const { kept, wallet } = phone(issuer());
  const first = await wallet.begin(LINK);
  const second = await phone(issuer(), kept).wallet.begin(`${ORIGIN}/wallet/#offer?${LINK.split("?")[1]}`);
  assert.equal(first.id, second.id);
  assert.equal((await kept.cards()).length, 1);
});

test("an offer that is at an address no more leads this phone to what it made of it, and no other phone", async () => {
  const link = `${ORIGIN}/wallet/#offer?credential_offer_uri=${encodeURIComponent(`${ORIGIN}/AUS/offer/1`)}`;
  const answers = issuer({ "/AUS/offer/1": [[200, OFFER], [404]] });
  const { kept, wallet } = phone(answers);
  const offered = await wallet.begin(link);
  await assert.rejects(wallet.begin(link), { status: 404 }, "it was not taken here");
  const { id } = await wallet.accept(await wallet.redeem(offered, "123456"));
  assert.equal((await wallet.begin(link.replace(`${ORIGIN}/wallet/#offer?`, "openid-credential-offer://?"))).id, id);
  assert.equal((await kept.cards()).length, 1);
  await assert.rejects(phone(answers).wallet.begin(link), { status: 404 });
});

test("w10 w11 an offer of another origin is refused without asking it", async () => {
  const { asked, wallet } = phone(issuer());
  const foreign = (change) => `openid-credential-offer://?credential_offer=${encodeURIComponent(JSON.stringify({ ...OFFER, ...change }))}`;
  for (const link of [
    foreign({ credential_issuer: "https://wallet.example.evil/AUS" }), foreign({ credential_issuer: `${ORIGIN}/AUS/../XXX` }),
    "openid-credential-offer://?credential_offer_uri=https://wallet.example.evil/AUS/offer/1",
    "openid-credential-offer://?credential_offer_uri=http://127.0.0.1/", `${ORIGIN}/wallet/#offer?x`, "javascript:alert(1)", "",
  ]) await assert.rejects(wallet.begin(link), { name: "NoOffer" }, link);
  assert.deepEqual(asked, []);
});

test("a card that comes later is asked for with its transaction, and anew where that is forgotten", async () => {
  const later = [202, { transaction_id: "t", interval: 5 }];
  const answers = issuer({ "/AUS/credential": [later, GIVEN], "/AUS/deferred": [later, [400, { error: "invalid_transaction_id" }]] });
  const { asked, kept, wallet } = phone(answers);
  const waiting = await wallet.accept(await wallet.redeem(await wallet.begin(LINK), "123456"));
  assert.deepEqual([waiting.step, waiting.transaction], ["waiting", "t"]);
  const [reopened] = await phone(answers, kept).wallet.cards();
  const still = await wallet.accept(reopened);
  assert.equal(still.step, "waiting");
  assert.equal((await wallet.accept(still)).step, "held");
  assert.equal(asked.filter(({ path }) => path === "/AUS/deferred").length, 2);
});

test("a nonce that was too old is asked for once more", async () => {
  const { card: found } = await held(issuer({ "/AUS/credential": [[400, { error: "invalid_nonce" }], GIVEN] }));
  assert.equal(found.step, "held");
});

test("k3 a card for another phone, or one that no code could carry, is not kept", async () => {
  const x = base64url.encode(Buffer.from("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296", "hex"));
  const y = base64url.encode(Buffer.from("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5", "hex"));
  for (const given of [() => card({ x, y }), (request) => cardFor(request, { family_name: "Citizen" }), () => "x"]) {
    const answers = issuer({ "/AUS/credential": [(request) => [200, { credentials: [{ credential: given(request) }] }]] });
    const { kept, wallet } = phone(answers);
    const shown = await wallet.redeem(await wallet.begin(LINK), "123456");
    await assert.rejects(wallet.accept(shown), { name: "FormatError" });
    assert.equal((await kept.cards())[0].step, "shown");
  }
});

test("an approval is news once, to a holder who had the card before", async () => {
  const approved = { ...FACTS, economies: [{ code: "JPN", state: "cleared" }, { code: "CHN", state: "cleared" }] };
  const { card: found, wallet } = await held(issuer({
    "/AUS/holder/card": [[200, FACTS, { ETag: '"1"' }], [200, approved, { ETag: '"2"' }], [304]],
  }));
  const first = await wallet.refresh(found);
  assert.deepEqual(first.news, []);
  const second = await wallet.refresh(first);
  assert.deepEqual(second.news, ["JPN"]);
  assert.deepEqual((await wallet.refresh(await wallet.readNews(second))).news, []);
});

test("a newer credential is fetched, again after an update that stopped in the middle", async () => {
  const newer = { ...FACTS, credential: { ...FACTS.credential, is_newest: false } };
  const now = (request) => [200, { credentials: [{ credential: cardFor(request, { economies: ["CHN", "JPN"] }) }] }];
  const answers = issuer({
    "/AUS/holder/card": [[200, newer, { ETag: '"2"' }], [200, newer, { ETag: '"2"' }], [304]],
    "/AUS/credential": [GIVEN, [503], [202, { transaction_id: "t" }], now],
  });
  const { asked, card: found, kept, wallet } = await held(answers);
  await assert.rejects(wallet.refresh(found), { status: 503 });
  const [before] = await kept.cards();
  assert.equal(before.text, found.text);
  const later = await wallet.refresh(before);
  assert.equal(later.text, found.text);
  const updated = await wallet.refresh(later);
  assert.notEqual(updated.text, found.text);
  assert.ok(updated.facts.credential.is_newest);
  const before304 = asked.length;
  await wallet.refresh(updated);
  assert.equal(asked.length, before304 + 1);
});

test("the issuer is told of each credential, and only once it is kept", async () => {
  const newer = { ...FACTS, credential: { ...FACTS.credential, is_newest: false } };
  const given = (notification, more) => (request) => [200, { credentials: [{ credential: cardFor(request, more) }], notification_id: notification }];
  const kept = store();
  const keptWhenTold = [];
  const told = ({ body }) => {
    keptWhenTold.push(kept.cards().then(([{ text }]) => [JSON.parse(body), text]));
    return [204];
  };
  const { card: found, wallet } = await held(issuer({
    "/AUS/holder/card": [[200, newer, { ETag: '"2"' }]], "/AUS/credential": [given("1"), given("2", { economies: ["JPN"] })],
    "/AUS/notification": [told, new TypeError("lost"), told],
  }), kept);
  const updated = await wallet.refresh(found);
  assert.notEqual(updated.text, found.text);
  await wallet.refresh(updated);
  assert.deepEqual(await Promise.all(keptWhenTold), [
    [{ notification_id: "1", event: "credential_accepted" }, found.text],
    [{ notification_id: "2", event: "credential_accepted" }, updated.text],
  ]);
});

test("a phone that was replaced says so and shows nothing more; one that is unknown is signed out, and can come back", async () => {
  const over = { ...FACTS, credential: { ...FACTS.credential, state: "superseded" } };
  const replaced = await held(issuer({ "/AUS/holder/card": [[200, over, {}]] }));
  assert.equal((await replaced.wallet.refresh(replaced.card)).step, "ended");
  const denied = [401, {}, { "WWW-Authenticate": 'DPoP error="invalid_token"' }];
  const unknown = await held(issuer({
    "/AUS/token": [TOKEN, [400, { error: "invalid_grant" }], TOKEN], "/AUS/holder/card": [denied, denied, [200, FACTS, {}]],
  }));
  const out = await unknown.wallet.refresh(unknown.card);
  assert.deepEqual([out.step, out.signedOut, out.text], ["held", true, unknown.card.text]);
  assert.equal((await unknown.wallet.refresh(out)).signedOut, false);
});

test("at a counter the phone shows a number, and takes the offer that comes for its key", async () => {
  const { tx_code: _, ...without } = OFFER.grants[GRANT];
  const link = `openid-credential-offer://?credential_offer=${encodeURIComponent(JSON.stringify({ ...OFFER, grants: { [GRANT]: without } }))}`;
  const answers = issuer({ "/AUS/counter": [[200, { id: "c", random: "r" }], [200, { offer: null }], [200, { offer: link }]] });
  const { asked, wallet } = phone(answers);
  const begun = await wallet.beginAtCounter("AUS");
  assert.match(begun.counter.number, /^[0-9]{8}$/);
  assert.equal((await wallet.atCounter(begun)).step, "counter");
  assert.equal((await wallet.atCounter(begun)).step, "shown");
  assert.equal(new Set(asked.map(({ key }) => key)).size, 1);
});

test("saying no tells the issuer and leaves nothing", async () => {
  const { asked, kept, wallet } = phone(issuer({ "/AUS/holder/decline": [[204]] }));
  await wallet.decline(await wallet.redeem(await wallet.begin(LINK), "123456"));
  assert.equal(asked.at(-1).path, "/AUS/holder/decline");
  assert.deepEqual(await kept.cards(), []);
});
