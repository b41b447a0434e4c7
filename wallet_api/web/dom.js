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

/** Direction and zero-width controls have no place in a name; one that has some shows as it would be read aloud. */
const CONTROLS = /[\p{Cc}\p{Cf}]/gu;

/**
 * @param {string} text From an issuer.
 * @returns {string} Without controls that would change how it, or what stands beside it, is shown.
 */
export function plain(text) {
  return text.replace(CONTROLS, "");
}
