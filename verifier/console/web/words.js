/** Texts in the officer's language, and times, ages and names of economies as that language writes them. */

import { tell } from "./api.js";

/** Languages by tag, each in its own words. */
export const LANGUAGES = Object.freeze({
  en: "English",
  "zh-Hant": "繁體中文",
  "zh-Hans": "简体中文",
  ja: "日本語",
  ko: "한국어",
  id: "Bahasa Indonesia",
  ms: "Bahasa Melayu",
  th: "ไทย",
  vi: "Tiếng Việt",
  es: "Español",
  ru: "Русский",
});

/** English, with the day before the month: 4 May 2026. */
const LOCALES = { en: "en-GB" };
const AGES = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 0]];
/** Behind the year in Russian: it would end a sentence twice, and stand alone in a line. */
const YEAR_SIGN = /\sг\./gu;
const TRADITIONAL = /^zh-(?:Hant|TW|HK|MO)\b/i;
const DAY = { day: "numeric", month: "short", year: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/**
 * @param {readonly string[]} wanted What the browser prefers, best first.
 * @param {readonly string[]} there What the service has.
 * @returns {string} The first language of it that there is; else English.
 */
export function chooseLanguage(wanted, there = Object.keys(LANGUAGES)) {
  for (const tag of wanted) {
    const [base] = tag.toLowerCase().split("-");
    const name = base === "zh" ? (TRADITIONAL.test(tag) ? "zh-Hant" : "zh-Hans") : base;
    if (there.includes(name)) return name;
  }
  return "en";
}

/**
 * @param {string} language One of `LANGUAGES`.
 * @returns {Promise<Words>} Its texts; the page is in this language from now on.
 */
export async function loadWords(language) {
  const told = await tell("GET", `words/${encodeURIComponent(language)}`);
  document.documentElement.lang = language;
  return new Words(language, told);
}

export class Words {
  #ui;
  #reasons;
  #economies;
  #locale;

  /** @param {{ui: object, reasons: object, economies: object}} told As the service tells them. */
  constructor(language, { ui, reasons, economies }) {
    this.language = language;
    this.#ui = ui;
    this.#reasons = reasons;
    this.#economies = economies;
    // Passports and cards count years and write digits like this; a device may be set to count otherwise.
    this.#locale = `${LOCALES[language] ?? language}-u-ca-gregory-nu-latn`;
  }

  /** @returns {string} The text of a key; the key itself where there is none, since a verdict must not fail for a word. */
  t(key, values = {}) {
    const text = this.#ui[key];
    if (text === undefined) {
      console.error(`no text ${key}`);
      return key;
    }
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  has(key) {
    return Object.hasOwn(this.#ui, key);
  }

  /** @returns {{what: string, do: string, not: string}} Of a reason code; of one that nobody has worded, to ask a person. */
  reason(code) {
    const known = Object.hasOwn(this.#reasons, code) ? this.#reasons[code] : null;
    return { what: this.t("reason.unknown"), do: this.t("reason.unknown.do"), not: "", ...known };
  }

  /** @returns {string} The name that APEC uses; the code where it is none of its economies. */
  economy(code) {
    return Object.hasOwn(this.#economies, code) ? this.#economies[code] : code;
  }

  /** @returns {[string, string][]} Codes and names of all economies, in the order of the names. */
  economies() {
    const order = new Intl.Collator(this.#locale).compare;
    return Object.entries(this.#economies).sort(([, one], [, other]) => order(one, other));
  }

  /** @returns {string} A day of a calendar, such as 4 May 2026; what is no day comes back as it is. */
  day(text) {
    const moment = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(text) : null;
    return moment && !Number.isNaN(moment.getTime()) ? this.#format(moment, { ...DAY, timeZone: "UTC" }) : text;
  }

  /** @returns {string} A day as a passport's lines have it, without its century: 850314; parts of it may be unknown. */
  shortDay(text) {
    const [, year, month, day] = /^(\d{2})(\d{2})(\d{2})$/.exec(text) ?? [];
    const moment = new Date(`20${year}-${month}-${day}`);
    return Number.isNaN(moment.getTime()) ? text : this.#format(moment, { ...DAY, year: "2-digit", timeZone: "UTC" });
  }

  /** @returns {string} The last day of what ends at a moment, such as a card: an end is no part of it. */
  lastDay(end) {
    return /T/.test(end) ? this.#format(new Date(Date.parse(end) - 1), { ...DAY, timeZone: "UTC" }) : this.day(end);
  }

  /** @returns {string} Day and time in UTC. */
  moment(at) {
    return this.#format(new Date(at), { ...DAY, ...TIME, timeZone: "UTC", timeZoneName: "short" });
  }

  /** @returns {string} Time of day in UTC, and the day where it is not today. */
  since(at, now) {
    const isToday = new Date(at).toISOString().slice(0, 10) === new Date(now).toISOString().slice(0, 10);
    return this.#format(new Date(at), { ...(isToday ? {} : DAY), ...TIME, timeZone: "UTC", timeZoneName: "short" });
  }

  /** @returns {string} Time of day in a zone, and the zone. */
  clock(at, zone) {
    return this.#format(new Date(at), { ...TIME, timeZone: zone ?? "UTC", timeZoneName: "short" });
  }

  /** @returns {string} A span as a person says it, such as 2 h or 3 days. */
  span(seconds) {
    const [unit, size] = AGES.find(([, least]) => Math.abs(seconds) >= least);
    const style = { style: "unit", unit, unitDisplay: unit === "day" ? "long" : "short" };
    return new Intl.NumberFormat(this.#locale, style).format(Math.floor(Math.abs(seconds) / (size || 1)));
  }

  /** @returns {string} Some seconds, to be counted down. */
  seconds(count) {
    return new Intl.NumberFormat(this.#locale, { style: "unit", unit: "second", unitDisplay: "short" }).format(count);
  }

  /** @returns {string} A length as the rules have it, such as 90 days or 3 months. */
  length({ value, unit }) {
    const style = { style: "unit", unit: unit.replace(/s$/, ""), unitDisplay: "long" };
    return new Intl.NumberFormat(this.#locale, style).format(value);
  }

  /** @returns {string} A number as the language writes it. */
  number(value) {
    return new Intl.NumberFormat(this.#locale).format(value);
  }

  /** @returns {string} Several things in one line. */
  list(parts) {
    return new Intl.ListFormat(this.#locale, { style: "short", type: "unit" }).format(parts);
  }

  #format(moment, options) {
    if (Number.isNaN(moment.getTime())) return "–";
    return new Intl.DateTimeFormat(this.#locale, options).format(moment).replace(YEAR_SIGN, "");
  }
}
