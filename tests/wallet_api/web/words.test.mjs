/** Languages, dates and ages. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { digitsOf } from "../../../wallet_api/web/screens/code.js";
import { LANGUAGES, Words, chooseLanguage } from "../../../wallet_api/web/words.js";

const NOW = Date.UTC(2026, 4, 4, 23, 30);

function words(language) {
  const path = new URL(`../../../wallet_api/web/words/${language}.json`, import.meta.url);
  return new Words(language, JSON.parse(readFileSync(path, "utf8")));
}

test("the browser's wish is met where it can be", () => {
  const cases = { "en-US": "en", "zh-TW": "zh-Hant", "zh-Hant-HK": "zh-Hant", "zh-CN": "zh-Hans", "zh-SG": "zh-Hans",
    zh: "zh-Hans", "es-PE": "es", "ms-MY": "ms" };
  for (const [wish, language] of Object.entries(cases)) assert.equal(chooseLanguage([wish]), language, wish);
  assert.equal(chooseLanguage(["tlh", "ko-KR"]), "ko");
  assert.equal(chooseLanguage(["tlh"]), "en");
  assert.equal(chooseLanguage(["constructor"]), "en");
});

test("a day is the one on the card, in every zone and every calendar", () => {
  assert.equal(words("en").date(NOW), "4 May 2026");
  assert.match(words("th").date(NOW), /2026/);
  for (const language of Object.keys(LANGUAGES)) assert.match(words(language).date(NOW), /4.*2026|2026.*4/, language);
});

test("no date brings a full stop into a sentence that has its own", () => {
  for (const language of Object.keys(LANGUAGES)) {
    const said = words(language);
    for (const text of [said.date(NOW), said.time(NOW)]) assert.doesNotMatch(text, /\.(?:\s|$)/, `${language}: ${text}`);
  }
});

test("a time names its zone", () => {
  for (const language of Object.keys(LANGUAGES)) assert.match(words(language).time(NOW), /UTC|GMT|[A-Z]{2,4}|Гринвич/, language);
});

test("ages are rounded down", () => {
  const { age } = { age: (passed) => words("en").age(NOW - passed, NOW) };
  assert.deepEqual([0, 59_000, 119 * 60_000, 86_400_000 * 3].map(age), ["now", "now", "1 hour ago", "3 days ago"]);
});

test("a stay is said in its own unit, in the form that each language has for the number", () => {
  const months = { en: "3 months", "zh-Hant": "3 個月", "zh-Hans": "3个月", ja: "3 か月", ko: "3개월", id: "3 bulan", ms: "3 bulan",
    th: "3 เดือน", vi: "3 tháng", es: "3 meses", ru: "3 месяца" };
  assert.deepEqual(Object.keys(months).sort(), Object.keys(LANGUAGES).sort());
  for (const [language, text] of Object.entries(months)) {
    const said = words(language).span({ value: 3, unit: "months" });
    assert.equal(said.replace(/\s/g, " "), text, language);
    assert.notEqual(said, words(language).span({ value: 3, unit: "days" }), language);
  }
  const russian = [1, 2, 5, 21].map((value) => words("ru").span({ value, unit: "days" }).replace(/\s/g, " "));
  assert.deepEqual(russian, ["1 день", "2 дня", "5 дней", "21 день"]);
  assert.equal(words("en").span({ value: 1, unit: "months" }), "1 month");
});

test("places are filled, with nothing of a name read as a pattern", () => {
  assert.equal(words("en").t("home.news.line", { economy: "$& {state}", state: "cleared" }), "$& {state}: cleared");
  assert.throws(() => words("en").t("no.such.text"));
});

test("w2 digits may be typed in any script and with spaces, and nothing else becomes a digit", () => {
  for (const typed of ["123456", " 123 456 ", "123-456", "１２３４５６", "١٢٣٤٥٦", "๑๒๓๔๕๖", "१२३ ४५६"]) {
    assert.equal(digitsOf(typed), "123456", typed);
  }
  for (const typed of ["12345o", "12345½", "Ⅻ3456", ""]) assert.ok(!/^[0-9]{6}$/.test(digitsOf(typed)), typed);
});
