/** Reads codes beside the page, so that the picture of the camera never stops. */
/* global ZXingWASM */

importScripts("../vendor/zxing-reader.js");

// More than this in one picture is a wall of codes: enough to know that one must be asked for.
const OPTIONS = { formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 4, textMode: "Plain" };
const ready = ZXingWASM.prepareZXingModule({
  overrides: { locateFile: (name) => new URL(`../vendor/${name}`, self.location.href).href },
  fireImmediately: true,
});
ready.then(() => postMessage({ ready: true }), (error) => postMessage({ ready: false, why: String(error) }));

onmessage = async ({ data: { id, picture, region, scale } }) => {
  try {
    postMessage({ id, texts: await read(picture, region, scale) });
  } catch (error) {
    postMessage({ id, texts: [], why: String(error) });
  } finally {
    picture.close();
  }
};

async function read(picture, { x, y, width, height }, scale) {
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
  const found = await ZXingWASM.readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), OPTIONS);
  return found.filter(({ isValid }) => isValid).map(({ text }) => text);
}
