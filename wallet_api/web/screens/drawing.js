/** Codes on a canvas: black on white in every theme. */

const WHITE = 255;
/** Red, green, blue and how opaque. */
const BYTES = 4;

/**
 * The canvas has one dot for each module, and the browser makes each as many whole dots of the screen as fit where it
 * stands: never blurred, and little work however large the screen is.
 *
 * @param {HTMLCanvasElement} canvas In its place on the page.
 * @param {boolean[][]} modules True is black; the quiet zone is in it.
 */
export function drawCode(canvas, modules) {
  const side = modules.length;
  const pixels = white(side);
  for (const [down, line] of modules.entries()) {
    for (let across = 0; across < side; across++) {
      const at = (down * side + across) * BYTES;
      if (line[across]) pixels[at] = pixels[at + 1] = pixels[at + 2] = 0;
    }
  }
  put(canvas, side, pixels);
}

/** @param {HTMLCanvasElement} canvas Becomes as wide as its place allows; to be called when that has changed. */
export function fitCode(canvas) {
  const dots = Math.max(1, Math.floor((canvas.parentElement.clientWidth * devicePixelRatio) / canvas.width));
  canvas.style.width = `${(canvas.width * dots) / devicePixelRatio}px`;
}

/** @param {HTMLCanvasElement} canvas Becomes white. */
export function clearCode(canvas) {
  put(canvas, canvas.width, white(canvas.width));
}

function white(side) {
  return new Uint8ClampedArray(side * side * BYTES).fill(WHITE);
}

function put(canvas, side, pixels) {
  // To ask how wide its place is costs more than all the rest, so that is not done for each code.
  if (canvas.width !== side || canvas.height !== side) {
    canvas.width = canvas.height = side;
    fitCode(canvas);
  }
  canvas.getContext("2d", { alpha: false }).putImageData(new ImageData(pixels, side, side), 0, 0);
}
