/** What a trip and the end of a card come to. */

import assert from "node:assert/strict";
import test from "node:test";
import { addMonths, checkTrip, endsWithin, factsOf, tripsOf } from "../../../wallet_api/web/phone/facts.js";

const DAY = "2030-03-01";
const JAPAN = { code: "JPN", state: "cleared", since: null, lane: true, stay: { value: 90, unit: "days" } };

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

test("the last day of a stay is the one that officers' devices say", () => {
  const until = (stay, known = {}) => {
    const passport = { country: "AUS", number_end: "567", ...known.passport };
    const economies = [{ ...JAPAN, stay }];
    const all = { state: "valid", since: null, expiresAt: Date.parse("2031-01-01"), ...known, passport, economies };
    const { value } = checkTrip(all, "JPN", DAY).points.find(({ name }) => name === "stay");
    return value.until && new Date(value.until).toISOString().slice(0, 10);
  };
  assert.equal(until({ value: 3, unit: "months" }), "2030-05-31");
  assert.equal(until({ value: 90, unit: "days" }), "2030-05-29");
  assert.equal(until({ value: 90, unit: "days" }, { expiresAt: Date.parse("2030-04-01") }), "2030-03-31");
  assert.equal(until({ value: 90, unit: "days" }, { passport: { expires_at: "2030-03-10" } }), "2030-03-10");
  assert.equal(until({ value: 90, unit: "days" }, { expiresAt: Date.parse("2030-02-01") }), undefined);
});

test("a stay of a unit that nobody knows is not said", () => {
  assert.equal(trip({ stay: { value: 3, unit: "moons" } }).stay, undefined);
  assert.equal(trip({ stay: null }).stay, undefined);
});

test("what is good to know beside an entry decides nothing", () => {
  assert.equal(trip({ lane: false }).whole, "yes");
});

test("each point says where it comes from, or that nobody said it", () => {
  const sources = { form: { name: "guides", since: null }, stay: { name: "APEC", since: "2021-03-01T00:00:00Z" } };
  const found = checkTrip({ state: "valid", passport: {}, economies: [{ ...JAPAN, sources }] }, "JPN", DAY).points;
  const of = (wanted) => found.find(({ name }) => name === wanted).source;
  assert.deepEqual([of("form"), of("stay").name, of("passport"), of("clearance")], [sources.form, "APEC", null, null]);
});

test("what has ended by the day of arrival says nothing about it", () => {
  const until = "2030-03-01T00:00:00Z";
  const of = (name) => ({ sources: { [name]: { name: "APEC", since: null, until } } });
  assert.equal(trip({ app_accepted: false, ...of("form") }).whole, "yes");
  assert.equal(trip({ app_accepted: false, ...of("form") }).form, "unknown");
  assert.equal(trip(of("stay")).stay, "unknown");
  assert.equal(trip({ state: "not_needed", ...of("pair") }).whole, "unknown");
  assert.equal(trip(of("pair")).clearance, "yes");
  assert.equal(trip({ state: "not_needed", sources: { pair: { until: "2030-03-02T00:00:00Z" } } }).whole, "yes");
});

test("saved trips are compared anew, the next first, until they are over", () => {
  const known = { state: "valid", passport: {}, expiresAt: Infinity, economies: [JAPAN, { ...JAPAN, code: "THA", state: "withdrawn" }] };
  const trips = [{ code: "THA", day: "2030-03-02" }, { code: "JPN", day: "2030-03-01" }, { code: "JPN", day: "2030-02-28" }];
  const found = tripsOf({ trips }, known, Date.parse("2030-03-01T23:59:00Z"));
  assert.deepEqual(found.map(({ code, answer }) => [code, answer]), [["JPN", "yes"], ["THA", "no"]]);
  assert.deepEqual(tripsOf({}, known, 0), []);
});

test("a passport has to last as long as the economy asks", () => {
  const passport = (expires_at) => ({ country: "AUS", number_end: "567", expires_at });
  const half = { passport_validity: { value: 6, unit: "months" } };
  assert.equal(trip(half, { passport: passport("2030-09-01") }).passport, "yes");
  assert.equal(trip(half, { passport: passport("2030-08-31") }).whole, "no");
  assert.equal(trip({ passport_validity: { value: 10, unit: "days" } }, { passport: passport("2030-03-10") }).whole, "no");
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
