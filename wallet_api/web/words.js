/** Texts in the holder's language, and dates, ages and names of economies as that language writes them. */

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
const DAY = 86_400_000;
const UNITS = { days: "day", months: "month" };
/** A month counts as 30 days, and a year as 365: an age is about. */
const AGES = [["year", 365 * DAY], ["month", 30 * DAY], ["day", DAY], ["hour", 3_600_000], ["minute", 60_000]];
/** Behind the year in Russian: it would end a sentence twice, and stand alone in a line. */
const YEAR_SIGN = /\sг\./gu;
const TRADITIONAL = /^zh-(?:Hant|TW|HK|MO)\b/i;

/**
 * @param {readonly string[]} wanted What the browser prefers, best first.
 * @returns {string} The first language of it that there is; else English.
 */
export function chooseLanguage(wanted) {
  for (const tag of wanted) {
    const [base] = tag.toLowerCase().split("-");
    if (base === "zh") return TRADITIONAL.test(tag) ? "zh-Hant" : "zh-Hans";
    if (Object.hasOwn(LANGUAGES, base)) return base;
  }
  return "en";
}

export class Words {
  #texts;
  #locale;

  /**
   * @param {string} language One of `LANGUAGES`.
   * @param {Record<string, string>} texts By key, with places in braces.
   */
  constructor(language, texts) {
    this.language = language;
    this.#texts = texts;
    // Passports and cards count years and write digits like this; a phone may be set to count otherwise.
    this.#locale = `${LOCALES[language] ?? language}-u-ca-gregory-nu-latn`;
  }

  /**
   * @param {string} key Of a text.
   * @param {Record<string, string | number>} [values] What stands in its places.
   * @returns {string} The text.
   */
  t(key, values = {}) {
    const text = this.#texts[key];
    if (text === undefined) throw new Error(`no text ${key}`);
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  /** @returns {string} The name that APEC uses; the code where it is none of its economies. */
  economy(code) {
    return this.#texts[`economy.${code}`] ?? code;
  }

  /** @returns {string[]} Codes of all economies, in the order of their names. */
  economies() {
    const codes = Object.keys(this.#texts).filter((key) => key.startsWith("economy.")).map((key) => key.slice(8));
    const order = new Intl.Collator(this.#locale).compare;
    return codes.sort((one, other) => order(this.economy(one), this.economy(other)));
  }

  /**
   * @param {number | string | Date} moment A day, at midnight UTC, or a moment of it.
   * @returns {string} Such as 4 May 2026; the day in UTC, as it stands on the card.
   */
  date(moment) {
    return this.#format(moment, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  }

  /**
   * @param {number | string | Date} end From when something is no longer good, such as midnight after its last day.
   * @returns {string} Its last day, as `date`.
   */
  lastDay(end) {
    return this.date(new Date(end).getTime() - 1);
  }

  /** @returns {string} Day and time where the phone is, with the zone. */
  time(moment) {
    return this.#format(moment, {
      day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
      timeZoneName: "short",
    });
  }

  /** @returns {string} The time of day where the phone is, with seconds and the zone. */
  clock(moment) {
    return this.#format(moment, {
      hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short",
    });
  }

  /**
   * @param {number | string | Date} since A moment.
   * @param {number} now This one.
   * @returns {string} Such as "2 hours ago"; under a minute "now".
   */
  age(since, now) {
    const passed = now - new Date(since).getTime();
    const words = new Intl.RelativeTimeFormat(this.#locale, { numeric: "auto" });
    const [unit, length] = AGES.find(([, each]) => passed >= each) ?? ["second", Infinity];
    return words.format(-Math.floor(passed / length) || 0, unit);
  }

  /**
   * @param {{value: number, unit: "days" | "months"}} span As the scheme has it.
   * @returns {string} Such as "90 days" or "3 months".
   */
  span({ value, unit }) {
    return new Intl.NumberFormat(this.#locale, { style: "unit", unit: UNITS[unit], unitDisplay: "long" }).format(value);
  }

  #format(moment, options) {
    return new Intl.DateTimeFormat(this.#locale, options).format(new Date(moment)).replace(YEAR_SIGN, "");
  }
}
