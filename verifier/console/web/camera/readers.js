/** What finds codes in pictures: the browser itself, else a reader of our own beside the page, else the service. */

import { tell } from "../api.js";

/** Milliseconds for the reader beside the page to load; from the same device it takes some hundred. */
const LOADING = 10_000;
/** Milliseconds for one picture; past it, the reader is taken for dead. */
const READING = 5_000;
/** Pixels across of what is looked at; the codes are dense, and fewer lose them. */
const LOOKED_AT = 1280;
/** How much a small code is enlarged: at less than two pixels a module no reader sees it as it is. */
const ENLARGED = 2;
/** Where so many pictures had no code, the next ones are looked at closer in turn. */
const MISSED = 4;

/**
 * @typedef {{texts: string[], isWhole: boolean}} Found What codes say, and whether there is surely no other in view that
 *   could not be read.
 */

/**
 * @returns {Promise<{kind: "native" | "worker" | "server", read: (source: CanvasImageSource, size: {width: number, height:
 *   number}, missed?: number) => Promise<Found>, close: () => void}>} The best reader that works here.  `missed` is how many
 *   pictures before had no code: then some are looked at closer.
 */
export async function openReader() {
  return (await native()) ?? (await besidePage()) ?? throughService();
}

async function native() {
  try {
    if (!(await BarcodeDetector.getSupportedFormats()).includes("qr_code")) return null;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    // Some name the format and have no engine: that shows at the first picture.
    await detector.detect(new ImageData(16, 16));
    const read = async (source) => ({ texts: (await detector.detect(source)).map(({ rawValue }) => rawValue), isWhole: false });
    return { kind: "native", read, close() {} };
  } catch {
    return null;
  }
}

/** @returns What part of a picture to look at, and how large. */
function regionOf({ width, height }, missed) {
  const whole = { x: 0, y: 0, width, height };
  if (missed >= MISSED && missed % 3 === 0) return { region: middle(width, height, LOOKED_AT / ENLARGED), scale: ENLARGED };
  if (width > LOOKED_AT && missed % 2 === 1) return { region: middle(width, height, LOOKED_AT), scale: 1 };
  return { region: whole, scale: Math.min(1, LOOKED_AT / width) };
}

function middle(width, height, side) {
  const [across, down] = [Math.min(width, side), Math.min(height, side)];
  return { x: (width - across) / 2, y: (height - down) / 2, width: across, height: down };
}

async function besidePage() {
  if (typeof Worker === "undefined" || typeof OffscreenCanvas === "undefined") return null;
  const worker = new Worker(new URL("reader.worker.js", import.meta.url));
  const waiting = new Map();
  let next = 0;
  const isReady = await new Promise((resolve) => {
    worker.onerror = () => resolve(false);
    worker.onmessage = ({ data }) => resolve(data.ready === true);
    setTimeout(() => resolve(false), LOADING);
  });
  if (!isReady) {
    worker.terminate();
    return null;
  }
  worker.onmessage = ({ data: { id, found } }) => waiting.get(id)?.(found);
  const read = async (source, size, missed = 0) => {
    const id = next++;
    const picture = await createImageBitmap(source);
    try {
      return await new Promise((resolve, reject) => {
        waiting.set(id, resolve);
        setTimeout(() => reject(new Error("the reader does not answer")), READING);
        worker.postMessage({ id, picture, ...regionOf(size, missed) }, [picture]);
      });
    } finally {
      waiting.delete(id);
    }
  };
  return { kind: "worker", read, close: () => worker.terminate() };
}

/** Only brightness travels: a third of the bytes, and the service needs no more. */
function throughService() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  const read = async (source, size) => {
    const { region: { x, y, width, height }, scale } = regionOf(size, 0);
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    context.drawImage(source, x, y, width, height, 0, 0, canvas.width, canvas.height);
    const grey = greyOf(context.getImageData(0, 0, canvas.width, canvas.height).data);
    const body = new Blob([grey], { type: "application/octet-stream" });
    const { codes } = await tell("POST", `frame?width=${canvas.width}&height=${canvas.height}`, body);
    return { texts: codes, isWhole: false };
  };
  return { kind: "server", read, close() {} };
}

function greyOf(pixels) {
  const grey = new Uint8Array(pixels.length / 4);
  for (let at = 0, from = 0; at < grey.length; at++, from += 4) {
    grey[at] = (pixels[from] * 77 + pixels[from + 1] * 150 + pixels[from + 2] * 29) >> 8;
  }
  return grey;
}
