/** The wallet's own modules, asked over standard input: one JSON request a line, one JSON answer a line. */

import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
const { parseChallenge } = await import("../../../wallet_api/web/format/challenge.js");
const { FormatError } = await import("../../../wallet_api/web/format/errors.js");
const { Showing, pack, unpack } = await import("../../../wallet_api/web/format/packing.js");
const { checkNumber } = await import("../../../wallet_api/web/phone/counter.js");
const { shownOf } = await import("../../../wallet_api/web/phone/wallet.js");
const { makeKey, publicJwk, sign, signJwt, thumbprint } = await import("../../../wallet_api/web/phone/keys.js");

const key = await makeKey();
const WORK = {
  pack: ({ text }) => pack(text),
  unpack: ({ text }) => unpack(text),
  challenge: ({ text }) => parseChallenge(text),
  key: () => publicJwk(key),
  thumbprint: () => thumbprint(key),
  export: () => crypto.subtle.exportKey("pkcs8", key.privateKey),
  jwt: ({ header, payload }) => signJwt(key, header, payload),
  number: ({ random }) => checkNumber(key, random),
  journey: ({ credential, holder, wanted }) => shownOf(credential, holder, wanted),
  show: ({ card, at, challenge }) => new Showing(card).qrText(BigInt(at), (input) => sign(key, input), challenge),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { work, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = { value: await WORK[work](given) };
  } catch (error) {
    answer = { refused: error instanceof FormatError ? "FormatError" : error.name, why: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
