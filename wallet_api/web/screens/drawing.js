/** Codes on a canvas: black on white in every theme, each module a whole number of the screen's own dots. */

/** Dots to draw with; a large code is shown smaller by whole steps, never blurred. */
const MOST = 2_000;

/**
 * @param {HTMLCanvasElement} canvas Becomes as many dots wide as fit where it stands, or as its style says.
 * @param {boolean[][]} modules True is black; the quiet zone is in it.
 */
export function drawCode(canvas, modules) {
  const room = Math.min(MOST, (canvas.parentElement?.clientWidth || 320) * devicePixelRatio);
  const dots = Math.max(2, Math.floor(room / modules.length));
  const side = modules.length * dots;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.style.width = `${side / devicePixelRatio}px`;
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, side, side);
  pen.fillStyle = "#000";
  for (const [down, line] of modules.entries()) {
    for (let from = 0; from < line.length; from++) {
      if (!line[from]) continue;
      let to = from;
      while (line[to]) to++;
      pen.fillRect(from * dots, down * dots, (to - from) * dots, dots);
      from = to;
    }
  }
}

/** @param {HTMLCanvasElement} canvas Becomes white. */
export function clearCode(canvas) {
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
}
