/** Reading QR codes: by the browser where it really can, by the library otherwise. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Reader } from "../../../wallet_api/web/phone/reader.js";
import encodeQR from "../../../wallet_api/web/vendor/qr/index.js";

const TEXT = "ABTCQ1:kZ2mV4pQ9xT1bN7cW5rY8A";
const MENU = "https://menu.example/";
const DOTS = 5;

/** @returns {object} A grey picture with codes beside each other, as a camera gives it. */
function picture(...texts) {
  const codes = texts.map((text) => encodeQR(text, "raw", { border: 4 }));
  const width = 600 * Math.max(1, texts.length);
  const data = new Uint8ClampedArray(width * 600 * 4).fill(128);
  for (const [place, code] of codes.entries()) {
    for (let y = 0; y < code.length * DOTS; y++) {
      for (let x = 0; x < code.length * DOTS; x++) {
        const at = ((y + 100) * width + place * 600 + x + 100) * 4;
        data.fill(code[Math.floor(y / DOTS)][Math.floor(x / DOTS)] ? 0 : 255, at, at + 3);
      }
    }
  }
  return { width, height: 600, data };
}

/** @returns {Function} A detector as browsers have them. */
function detector({ formats = ["qr_code"], found = [] }) {
  return class {
    static async getSupportedFormats() {
      if (formats === null) throw new Error("no service");
      return formats;
    }

    async detect() {
      if (found === null) throw new Error("no service");
      return found.map((rawValue) => ({ rawValue }));
    }
  };
}

test("without a detector, the library reads every code in the picture", async () => {
  const reader = new Reader(undefined);
  assert.deepEqual(await reader.read(picture(TEXT)), [TEXT]);
  assert.deepEqual((await reader.read(picture(MENU, TEXT))).sort(), [TEXT, MENU]);
  assert.deepEqual(await reader.read(picture()), []);
});

test("a browser that reads QR codes is asked first", async () => {
  const reader = new Reader(detector({ found: ["from the browser"] }));
  assert.deepEqual(await reader.read(picture(TEXT)), ["from the browser"]);
});

for (const [name, broken] of Object.entries({
  "reads no QR codes": { formats: ["ean_13"] },
  "does not say what it reads": { formats: null },
  "says that it can and fails": { found: null },
})) {
  test(`a browser that ${name} hinders nobody`, async () => {
    const reader = new Reader(detector(broken));
    assert.deepEqual(await reader.read(picture(TEXT)), [TEXT]);
    assert.deepEqual(await reader.read(picture(TEXT)), [TEXT]);
  });
}
