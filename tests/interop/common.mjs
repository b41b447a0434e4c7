/** What both programs need that no library of theirs has. */

import { createHash, webcrypto } from "node:crypto";

export const P256 = { name: "ECDSA", namedCurve: "P-256" };
export const ES256 = { name: "ECDSA", hash: "SHA-256" };
const { subtle } = webcrypto;

export function hash(data, algorithm) {
  return createHash(algorithm.replace("-", "")).update(data).digest();
}

export function base64url(data) {
  return Buffer.from(data).toString("base64url");
}

export async function signES256(privateKey, data) {
  return base64url(await subtle.sign(ES256, privateKey, Buffer.from(data)));
}

export async function verifies(jwk, data, signature) {
  const key = await subtle.importKey("jwk", jwk, P256, false, ["verify"]);
  return subtle.verify(ES256, key, Buffer.from(signature, "base64url"), Buffer.from(data));
}

/** Read what to do: one JSON object from standard input, with `now` in seconds since 1970. */
export async function readTask() {
  let text = "";
  for await (const part of process.stdin) text += part;
  const given = JSON.parse(text);
  goTo(given.now);
  return given;
}

/** Let the libraries believe that it is another time: the test's server has a clock of its own. */
function goTo(seconds) {
  const RealDate = Date;
  const ahead = seconds * 1000 - RealDate.now();
  globalThis.Date = class extends RealDate {
    constructor(...parts) {
      super(...(parts.length ? parts : [RealDate.now() + ahead]));
    }

    static now() {
      return RealDate.now() + ahead;
    }
  };
}
