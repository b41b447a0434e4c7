/** What is known of a card: what the issuer last said of it, or else what is written on the card itself. */

import { claimsOf } from "./wallet.js";

/**
 * @param {object} card At step `held` or `ended`.
 * @returns {{holder: object, passport: object, expiresAt: number, economies: object[], state: string, since: string | null,
 *   asOf: number}} `asOf` is when it was true, in milliseconds since 1970, like `expiresAt`, which is the end of the last day.
 */
export function factsOf(card) {
  const claims = claimsOf(card.text);
  const { facts } = card;
  const written = fromClaims(claims);
  if (!facts) return written;
  return {
    // What the issuer does not say, such as the passport while none is linked, is as it stands on the card.
    holder: facts.holder, passport: facts.passport ?? written.passport,
    expiresAt: facts.expires_at ? Date.parse(facts.expires_at) : written.expiresAt, economies: facts.economies,
    state: facts.credential.state, since: facts.credential.since, asOf: card.updatedAt,
  };
}

function fromClaims({ family_name, given_name, passport, exp, iat, economies }) {
  return {
    holder: { family_name, given_name },
    passport: { country: passport.country, number_end: passport.number.slice(-3) },
    expiresAt: exp * 1000,
    economies: economies.map((code) => ({ code, state: "cleared", since: null, lane: null, stay: null })),
    state: "valid",
    since: null,
    asOf: iat * 1000,
  };
}

const DAY = 86_400_000;

/** What each state says about a trip; any other word says nothing. */
const ANSWERS = new Map([
  ["cleared", "yes"], ["not_needed", "yes"], ["not_cleared", "no"], ["withdrawn", "no"], ["suspended", "no"],
  ["not_available", "no"],
]);

/**
 * Compare a card with a trip.
 *
 * @param {object} known Of `factsOf`.
 * @param {string} code Of the economy.
 * @param {string} day Of arrival, `YYYY-MM-DD`.
 * @returns {{answer: "yes" | "no" | "unknown", points: {name: string, answer: "yes" | "no" | "unknown", value: object,
 *   source: {name: string, since: string | null} | null}[]}} The whole is "yes" only where every point that decides is.
 */
export function checkTrip(known, code, day) {
  const row = known.economies.find((each) => each.code === code);
  const arrival = Date.parse(day);
  const points = [
    { name: "clearance", answer: ANSWERS.get(row?.state) ?? "unknown", value: { state: row?.state, since: row?.since } },
    { name: "state", answer: known.state === "valid" ? "yes" : "no", value: known.state === "valid" ? {} : { since: known.since } },
    { name: "card", answer: arrival < known.expiresAt ? "yes" : "no", value: { ends: known.expiresAt } },
    { name: "form", ...stated(row?.app_accepted) },
    { name: "pair", answer: row ? (row.state === "not_available" ? "no" : "yes") : "unknown", value: {} },
    { name: "passport", ...passportOn(arrival, known.passport, row?.passport_validity) },
    ...besides(known, row, arrival),
  ].map((each) => onTheDay(each, row, arrival));
  return { answer: worst(points), points };
}

/** A state that follows from a rule, and from no answer of the economy, is as lasting as the rule. */
const RULED = new Set(["not_needed", "not_available"]);

/** Add who says so; what has ended by the day of arrival says nothing about it. */
function onTheDay(point, row, arrival) {
  const sources = row?.sources ?? {};
  const source = sources[point.name] ?? null;
  const rule = point.name === "clearance" && RULED.has(row?.state) ? sources.pair : source;
  const isOver = arrival >= Date.parse(rule?.until ?? "");
  return isOver ? { ...point, answer: "unknown", value: {}, source } : { ...point, source };
}

/** What is good to know, and decides nothing. */
const BESIDE = new Set(["lane", "stay"]);

function worst(points) {
  // What the issuer does not say of a passport or a form does not make a clearance less of one: the point itself says so.
  const deciding = points.filter(({ name, answer }) => !BESIDE.has(name) && (answer !== "unknown" || name === "clearance"));
  if (deciding.some(({ answer }) => answer === "no")) return "no";
  return deciding.some(({ answer }) => answer === "unknown") ? "unknown" : "yes";
}

/**
 * @param {object | undefined} row What is known of an economy.
 * @returns {boolean} Whether its longest stay says anything to this holder.
 */
export function mayStay(row) {
  return ANSWERS.get(row?.state) === "yes" && isSpan(row.stay);
}

function stated(value) {
  if (value === true || value === false) return { answer: value ? "yes" : "no", value: {} };
  return { answer: "unknown", value: {} };
}

/** Days and calendar months are told apart: three months are not ninety days. */
function isSpan(span) {
  return Number.isInteger(span?.value) && (span.unit === "days" || span.unit === "months");
}

function after(moment, { value, unit }) {
  return unit === "months" ? addMonths(moment, value) : moment + value * DAY;
}

function passportOn(arrival, passport, needed) {
  const lasts = Date.parse(passport.expires_at ?? "");
  if (!Number.isFinite(lasts)) return { answer: "unknown", value: {} };
  const isKnown = isSpan(needed);
  if (lasts < (isKnown ? after(arrival, needed) : arrival)) return { answer: "no", value: { until: lasts } };
  return { answer: isKnown ? "yes" : "unknown", value: { until: lasts } };
}

function besides(known, row, arrival) {
  const lane = { name: "lane", ...stated(row?.lane) };
  if (!mayStay(row)) return [lane];
  // As officers' devices count it: the last day before the stay is over, and none on which card or passport has ended.
  const ends = [after(arrival, row.stay) - DAY, lastDayOf(known.expiresAt), Date.parse(known.passport.expires_at ?? "")];
  const last = Math.min(...ends.filter(Number.isFinite));
  return [lane, { name: "stay", answer: "yes", value: { stay: row.stay, ...(last >= arrival && { until: last }) } }];
}

/** Midnight UTC at the beginning of the last day of something that ends at a moment. */
function lastDayOf(end) {
  return Math.floor((end - 1) / DAY) * DAY;
}

/**
 * @param {number} moment In milliseconds since 1970.
 * @param {number} months To add; a day that the month lacks becomes its last.
 * @returns {number} The moment so many months later.
 */
export function addMonths(moment, months) {
  const date = new Date(moment);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}

/**
 * @param {number} expiresAt Of the card.
 * @param {number} now This moment.
 * @returns {0 | 3 | 6 | null} Months within which it ends: 0 where it has ended, null where that is far away.
 */
export function endsWithin(expiresAt, now) {
  return [0, 3, 6].find((months) => expiresAt <= addMonths(now, months)) ?? null;
}

/**
 * @param {object} card With `trips`, as `Wallet.saveTrip` keeps them.
 * @param {object} known Of `factsOf`.
 * @param {number} now This moment.
 * @returns {{code: string, day: string, answer: string, points: object[]}[]} Saved trips that are not over, the next first,
 *   each compared with what is known now.
 */
export function tripsOf(card, known, now) {
  const today = new Date(now).toISOString().slice(0, 10);
  return (card.trips ?? [])
    .filter(({ day }) => day >= today)
    .sort((one, other) => (one.day < other.day ? -1 : 1))
    .map(({ code, day }) => ({ code, day, ...checkTrip(known, code, day) }));
}
