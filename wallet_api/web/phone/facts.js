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
    economies: economies.map((code) => ({ code, state: "cleared", since: null, lane: null, stay_days: null })),
    state: "valid",
    since: null,
    asOf: iat * 1000,
  };
}

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
 * @returns {{answer: "yes" | "no" | "unknown", points: {name: string, answer: "yes" | "no" | "unknown", value: object}[]}}
 *   The whole is "yes" only where every point that decides is.
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
    { name: "passport", ...passportOn(arrival, known.passport, row?.passport_months) },
  ];
  return { answer: worst(points), points: [...points, ...besides(row)] };
}

function worst(points) {
  // What the issuer does not say of a passport or a form does not make a clearance less of one: the point itself says so.
  const deciding = points.filter(({ name, answer }) => answer !== "unknown" || name === "clearance");
  if (deciding.some(({ answer }) => answer === "no")) return "no";
  return deciding.some(({ answer }) => answer === "unknown") ? "unknown" : "yes";
}

/**
 * @param {object | undefined} row What is known of an economy.
 * @returns {boolean} Whether its longest stay says anything to this holder.
 */
export function mayStay(row) {
  return ANSWERS.get(row?.state) === "yes" && Number.isInteger(row.stay_days);
}

function stated(value) {
  if (value === true || value === false) return { answer: value ? "yes" : "no", value: {} };
  return { answer: "unknown", value: {} };
}

function passportOn(arrival, passport, months) {
  const lasts = Date.parse(passport.expires_at ?? "");
  if (!Number.isFinite(lasts)) return { answer: "unknown", value: {} };
  if (lasts < addMonths(arrival, months ?? 0)) return { answer: "no", value: { until: lasts } };
  return { answer: Number.isInteger(months) ? "yes" : "unknown", value: { until: lasts } };
}

function besides(row) {
  const lane = { name: "lane", ...stated(row?.lane) };
  if (!mayStay(row)) return [lane];
  return [lane, { name: "stay", answer: "yes", value: { days: row.stay_days } }];
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
