/** The number that a phone shows at a counter, and an officer types: it ties the card to this phone and no other. */

import { sha256, thumbprint } from "./keys.js";

const DIGITS = 7;

/**
 * @param {CryptoKeyPair} key That the issuer's offer will be bound to.
 * @param {string} random What the issuer answered when it was told of the key; base64url.
 * @returns {Promise<string>} Eight digits: seven of SHA-256 over thumbprint, full stop and random, and a check digit.
 */
export async function checkNumber(key, random) {
  const digest = await sha256(`${await thumbprint(key)}.${random}`);
  const number = new DataView(digest.buffer).getBigUint64(0) % 10n ** BigInt(DIGITS);
  const digits = String(number).padStart(DIGITS, "0");
  return digits + luhn(digits);
}

/**
 * @param {string} digits Without the check digit.
 * @returns {string} The digit to add (ISO/IEC 7812-1, annex B): one wrong or two swapped are noticed.
 */
export function luhn(digits) {
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1);
    return total + Math.floor(doubled / 10) + (doubled % 10);
  }, 0);
  return String((10 - (sum % 10)) % 10);
}
