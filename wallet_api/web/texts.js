/** Where texts come from: this wallet's own place, one file for each language. */

import { Unreachable } from "./phone/network.js";
import { Words } from "./words.js";

/**
 * @param {string} language One of `LANGUAGES`.
 * @returns {Promise<Words>} Its texts; the page is in this language from now on.
 * @throws {Unreachable} A language that was never used on this phone, without network.
 */
export async function loadWords(language) {
  let response;
  try {
    response = await fetch(new URL(`words/${language}.json`, import.meta.url));
  } catch (error) {
    throw new Unreachable(error);
  }
  if (!response.ok) throw new Unreachable(response.status);
  const texts = await response.json();
  document.documentElement.lang = language;
  return new Words(language, texts);
}
