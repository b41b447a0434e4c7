/** Reads codes beside the page, so that the picture of the camera never stops. */
/* global ZXingWASM */

importScripts("../vendor/zxing-reader.js");

/**
 * More symbols than these in one picture are a wall of codes: enough to know that one must be asked for.  Symbols that
 * are there and cannot be read are told too.  White on black is looked for only in a second try.
 */
const OPTIONS = {
  formats: ["QRCode"], tryHarder: true, tryRotate: false, tryInvert: false, maxNumberOfSymbols: 4, returnErrors: true, textMode: "Plain",
};
const ready = ZXingWASM.prepareZXingModule({
  overrides: { locateFile: (name) => new URL(`../vendor/${name}`, self.location.href).href },
  fireImmediately: true,
});
ready.then(() => postMessage({ ready: true }), (error) => postMessage({ ready: false, why: String(error) }));

onmessage = async ({ data: { id, picture, region, scale } }) => {
  try {
    postMessage({ id, found: await read(picture, region, scale) });
  } catch (error) {
    postMessage({ id, found: { texts: [], isWhole: false }, why: String(error) });
  } finally {
    picture.close();
  }
};

async function read(picture, { x, y, width, height }, scale) {
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
  const options = { ...OPTIONS, tryInvert: scale > 1 };
  const found = await ZXingWASM.readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), options);
  const read = found.filter(({ isValid }) => isValid);
  return { texts: read.map(({ text }) => text), isWhole: read.length === found.length };
}
