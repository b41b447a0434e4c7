/** Elements from data: text is text, never markup. */

/**
 * @param {string} tag Name of the element, with classes after full stops: `p.note`.
 * @param {object | string | Node} [first] Attributes; those that begin with `on` are listeners, false and null are left
 *   out, true is an attribute without a value.  Or the first child.
 * @param {...(string | Node | null | undefined | false)} children What is in it.
 * @returns {HTMLElement} The element.
 */
export function el(tag, first = {}, ...children) {
  const isChild = typeof first !== "object" || first === null || first instanceof Node;
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of isChild ? [] : Object.entries(first)) attribute(element, key, value);
  element.append(...(isChild ? [first, ...children] : children).filter((child) => child || child === 0));
  return element;
}

function attribute(element, key, value) {
  if (value === false || value === null || value === undefined) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else element.setAttribute(key, value === true ? "" : value);
}

/** @returns {SVGElement} An element of SVG. */
export function vector(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Direction and zero-width controls change how a name, or what stands beside it, is shown. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** More marks than this on one letter climb over the lines around it. */
const STACKED = /(\p{M}{2})\p{M}+/gu;

/**
 * @param {unknown} text From a card, a passport or a list.
 * @returns {string} Without controls, and with two marks on a letter at most.
 */
export function plain(text) {
  return String(text ?? "").replace(CONTROLS, "").replace(STACKED, "$1");
}
