/** The five looks: each a shape and a word of its own, so that colour is never alone. */

import { vector } from "./dom.js";

/** In a square of 48.  `fill` is the shape, `draw` what stands in it. */
const SHAPES = Object.freeze({
  accepted: { fill: "M24 3a21 21 0 1 0 0 42a21 21 0 1 0 0-42z", draw: "M14 24.500l7 7.500L34.500 17" },
  genuine: { fill: "M8 4h32a4 4 0 0 1 4 4v32a4 4 0 0 1-4 4H8a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z", draw: "M24 22v13M24 13.500v.2" },
  by_hand: { fill: "M24 3.500 46 43.500H2z", draw: "M24 18v12M24 36.600v.2" },
  refused: { fill: "M15 3h18l12 12v18L33 45H15L3 33V15z", draw: "M16 16l16 16M32 16 16 32" },
  not_live: { fill: "", draw: "M18.500 19a5.500 5.500 0 1 1 8 5c-1.800.9-2.500 2-2.500 4.200M24 34.200v.2" },
});

/** @returns {SVGElement} The shape of a look; its word stands beside it. */
export function shape(look) {
  const { fill, draw } = SHAPES[look];
  const svg = vector("svg", { viewBox: "0 0 48 48", class: `shape shape-${look}`, "aria-hidden": "true" });
  if (fill) svg.append(vector("path", { class: "shape-fill", d: fill }));
  else svg.append(vector("rect", { class: "shape-frame", x: 4, y: 4, width: 40, height: 40, rx: 3 }));
  svg.append(vector("path", { class: "shape-draw", d: draw }));
  return svg;
}
