/** Codes on this screen, for a phone or an imager to read: black on white in every theme. */

import encodeQR from "./vendor/qr.js";

const WHITE = 255;
const BYTES = 4;

/**
 * @param {HTMLCanvasElement} canvas Gets one dot a module; the browser enlarges them, and blurs nothing.
 * @param {string} text What the code says.
 * @param {object} how For the encoder.
 */
export function drawCode(canvas, text, how) {
  draw(canvas, encodeQR(text, "raw", { border: 4, ...how }));
}

/** @param {HTMLCanvasElement} canvas Becomes white. */
export function clearCode(canvas) {
  draw(canvas, [[false]]);
}

function draw(canvas, modules) {
  const side = modules.length;
  canvas.width = canvas.height = side;
  const pixels = new Uint8ClampedArray(side * side * BYTES).fill(WHITE);
  modules.forEach((line, down) => line.forEach((isBlack, across) => {
    const at = (down * side + across) * BYTES;
    if (isBlack) pixels.fill(0, at, at + 3);
  }));
  canvas.getContext("2d", { alpha: false }).putImageData(new ImageData(pixels, side, side), 0, 0);
}
