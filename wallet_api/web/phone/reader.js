/** QR codes in a picture: read by the browser where it can, by a library of ours otherwise. */

import { Unreachable } from "./network.js";

const QR = "qr_code";

export class Reader {
  #detector;

  /** @param {typeof BarcodeDetector} [Detector] The browser's own; many have none. */
  constructor(Detector = globalThis.BarcodeDetector) {
    this.#detector = nativeOf(Detector);
  }

  /**
   * @param {ImageData} image Of any size up to 4,096 pixels a side.
   * @returns {Promise<string[]>} What its QR codes say, whoever made them: to be looked at, never to be opened.
   * @throws {Unreachable} The library has not reached this phone yet, and there is no network.
   */
  async read(image) {
    const detector = await this.#detector;
    if (detector === null) return readByLibrary(image);
    try {
      return (await detector.detect(image)).map(({ rawValue }) => rawValue);
    } catch (error) {
      // Some browsers have it and lack the service behind it.
      console.warn(error);
      this.#detector = null;
      return readByLibrary(image);
    }
  }
}

/** @returns {Promise<BarcodeDetector | null>} The browser's own, where it reads QR codes. */
async function nativeOf(Detector) {
  try {
    const formats = (await Detector?.getSupportedFormats()) ?? [];
    return formats.includes(QR) ? new Detector({ formats: [QR] }) : null;
  } catch (error) {
    console.warn(error);
    return null;
  }
}

async function readByLibrary(image) {
  const { decodeQRBatch } = await library();
  // All of them: another code beside the one that is wanted must not hide it.
  const [found] = await decodeQRBatch([image], { maxSize: { width: image.width, height: image.height } });
  return found.filter((each) => typeof each === "string");
}

/** Fetched when a code is to be read, and only then: most holders never need it. */
async function library() {
  try {
    return await import("../vendor/qr/decode.js");
  } catch (error) {
    throw new Unreachable(error);
  }
}
