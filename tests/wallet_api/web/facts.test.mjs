/** What a trip and the end of a card come to. */

import assert from "node:assert/strict";
import test from "node:test";
import { addMonths, checkTrip, endsWithin, factsOf } from "../../../wallet_api/web/phone/facts.js";

const DAY = "2030-03-01";
const JAPAN = { code: "JPN", state: "cleared", since: null, lane: true, stay_days: 90 };

function trip(row = {}, known = {}) {
  const passport = { country: "AUS", number_end: "567" };
  const all = { state: "valid", since: null, expiresAt: Date.parse("2031-01-01"), passport, economies: [{ ...JAPAN, ...row }] };
  const found = checkTrip({ ...all, ...known }, "JPN", DAY);
  return { whole: found.answer, ...Object.fromEntries(found.points.map(({ name, answer }) => [name, answer])) };
}

test("a clearance is a yes, and what nobody said stays unknown", () => {
  const { whole, clearance, form, passport, lane } = trip();
  assert.deepEqual([whole, clearance, form, passport, lane], ["yes", "yes", "unknown", "unknown", "yes"]);
});

for (const state of ["not_cleared", "withdrawn", "suspended", "not_available"]) {
  test(`${state} is a no`, () => assert.equal(trip({ state }).whole, "no"));
}

test("waiting, a word of tomorrow and an economy that is not listed are unknown, never yes", () => {
  assert.equal(trip({ state: "waiting" }).whole, "unknown");
  assert.notEqual(trip({ state: "constructor" }).whole, "yes");
  assert.equal(trip({}, { economies: [] }).whole, "unknown");
});

test("a card that is suspended, has ended by then or is not accepted on a phone is a no", () => {
  assert.equal(trip({}, { state: "suspended" }).whole, "no");
  assert.equal(trip({}, { expiresAt: Date.parse(DAY) }).whole, "no");
  assert.equal(trip({}, { expiresAt: Date.parse(DAY) + 1 }).whole, "yes");
  assert.equal(trip({ app_accepted: false }).whole, "no");
});

test("how long one may stay is said only where one may enter", () => {
  assert.equal(trip().stay, "yes");
  assert.equal(trip({ state: "withdrawn" }).stay, undefined);
});

test("a passport has to last as long as the economy asks", () => {
  const passport = (expires_at) => ({ country: "AUS", number_end: "567", expires_at });
  assert.equal(trip({ passport_months: 6 }, { passport: passport("2030-09-01") }).passport, "yes");
  assert.equal(trip({ passport_months: 6 }, { passport: passport("2030-08-31") }).whole, "no");
  assert.equal(trip({}, { passport: passport("2030-08-31") }).passport, "unknown");
  assert.equal(trip({}, { passport: passport("2030-02-28") }).whole, "no");
});

test("months are calendar months, and a day that one lacks becomes its last", () => {
  assert.equal(addMonths(Date.UTC(2030, 7, 31), 6), Date.UTC(2031, 1, 28));
  assert.equal(addMonths(Date.UTC(2030, 0, 15), 3), Date.UTC(2030, 3, 15));
});

test("a card reminds of its end six and three months before", () => {
  const now = Date.UTC(2030, 0, 1);
  const within = (year, month, day) => endsWithin(Date.UTC(year, month, day), now);
  assert.deepEqual([within(2030, 0, 1), within(2030, 3, 1), within(2030, 6, 1), within(2030, 6, 2)], [0, 3, 6, null]);
});

test("what the issuer does not say of a card is as it stands on it", () => {
  const claims = {
    family_name: "CITIZEN", given_name: "JANE", passport: { country: "AUS", number: "PA0000567" }, exp: 1_900_000_000, iat: 1,
    economies: [],
  };
  const text = `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
  const credential = { state: "valid", since: null };
  const said = { holder: {}, passport: null, expires_at: null, economies: [], credential };
  const { passport, expiresAt } = factsOf({ text, facts: said });
  assert.deepEqual([passport, expiresAt], [{ country: "AUS", number_end: "567" }, 1_900_000_000_000]);
  const own = { ...said, passport: { country: "NZL", number_end: "890" }, expires_at: "2031-01-01T00:00:00Z" };
  assert.equal(factsOf({ text, facts: own }).passport.country, "NZL");
  assert.equal(factsOf({ text, facts: own }).expiresAt, Date.UTC(2031, 0, 1));
});
