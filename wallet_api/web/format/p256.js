/** Points of P-256 (SEC 1 section 2.3), for the form in which a code carries a phone's key. */

import { demand } from "./errors.js";

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const SIZE = 32;

/**
 * @param {Uint8Array} x 32 bytes.
 * @param {Uint8Array} y 32 bytes.
 * @returns {Uint8Array} 33 bytes: the point compressed.
 * @throws {FormatError} Not a point of the curve.
 */
export function compress(x, y) {
  demand(x.length === SIZE && y.length === SIZE, "a coordinate is not 32 bytes");
  const [across, up] = [toNumber(x), toNumber(y)];
  demand(across < P && up < P && (up * up) % P === square(across), "not a point of the curve");
  return Uint8Array.of(2 | (y[SIZE - 1] & 1), ...x);
}

/**
 * @param {Uint8Array} point 33 bytes.
 * @returns {{x: Uint8Array, y: Uint8Array}} Its coordinates, 32 bytes each.
 * @throws {FormatError} Not a compressed point of the curve.
 */
export function decompress(point) {
  demand(point.length === SIZE + 1 && (point[0] === 2 || point[0] === 3), "not a compressed point");
  const x = point.subarray(1);
  const across = toNumber(x);
  demand(across < P, "not a compressed point");
  const squared = square(across);
  const root = power(squared, (P + 1n) / 4n);
  demand((root * root) % P === squared, "not a point of the curve");
  const up = (root & 1n) === BigInt(point[0] & 1) ? root : P - root;
  demand(up < P, "not a point of the curve");
  return { x, y: toBytes(up) };
}

function square(x) {
  return (((x * x - 3n) * x) % P + P + B) % P;
}

function power(base, exponent) {
  let result = 1n;
  let factor = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * factor) % P;
    factor = (factor * factor) % P;
  }
  return result;
}

function toNumber(bytes) {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function toBytes(number) {
  return Uint8Array.from({ length: SIZE }, (_, at) => Number((number >> BigInt(8 * (SIZE - 1 - at))) & 255n));
}
