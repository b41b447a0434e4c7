/** Parts that many screens are made of. */

import { el, plain } from "../dom.js";

/** @returns {HTMLElement} A button; `kind` is none for the main one, `plain` or `danger`. */
export function button(label, onclick, kind = "") {
  return el(kind ? `button.${kind}` : "button", { type: "button", onclick }, label);
}

/** @returns {HTMLElement} A link that looks like a button. */
export function door(href, label, kind = "plain") {
  return el(`a.button.${kind}`, { href }, label);
}

/** @returns {HTMLElement} Buttons and links beside or below each other. */
export function actions(...children) {
  return el("div.actions", ...children);
}

/**
 * @param {"info" | "warn" | "stop"} kind Which look, repeated by a sign.
 * @param {...(string | Node)} children What it says.
 * @returns {HTMLElement} A notice.
 */
export function notice(kind, ...children) {
  const content = children.map((child) => (typeof child === "string" ? el("p", child) : child));
  return el(`div.notice.${kind}`, { role: kind === "info" ? "status" : "alert" }, sign(kind), el("div", ...content));
}

/** What each sign is drawn with, in a square of 24: told apart without colour. */
const SIGNS = {
  info: "M4 4h16v16H4zM12 7.5v1M12 11v6",
  warn: "M12 3 22 20H2zM12 9.5v5M12 17v.5",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9l6 6M15 9l-6 6",
  yes: "M5 12.5l4.5 4.5L19 7",
  no: "M6 6l12 12M18 6 6 18",
  unknown: "M12 17.5v.5M9 9.5a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 2.2",
  wait: "M12 3a9 9 0 1 0 .01 0M12 7.5V12l3 2",
  pause: "M12 3a9 9 0 1 0 .01 0M10 9v6M14 9v6",
  none: "M6 12h12",
  next: "M9 5l7 7-7 7",
  back: "M15 5l-7 7 7 7",
};

/** @returns {SVGElement} A sign of `SIGNS`; readers of screens pass it by. */
export function sign(name) {
  const svg = vector("svg", { viewBox: "0 0 24 24", class: `sign sign-${name}`, "aria-hidden": "true" });
  svg.append(vector("path", { d: SIGNS[name] }));
  return svg;
}

/** @returns {SVGElement} An element of SVG. */
export function vector(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/**
 * @param {string} label What is asked.
 * @param {object} attributes Of the input, with its `id`.
 * @param {string} [hint] What helps to answer.
 * @returns {{row: HTMLElement, input: HTMLInputElement}} Both.
 */
export function field(label, attributes, hint) {
  const described = hint ? `${attributes.id}-hint` : false;
  const input = el("input", { name: attributes.id, "aria-describedby": described, ...attributes });
  const row = el("div.field", el("label", { for: attributes.id }, label), hint && el("p.hint", { id: described }, hint), input);
  return { row, input };
}

/**
 * @param {string} label What is chosen.
 * @param {string} id Of the input.
 * @param {[string, string][]} options Values and what they are called.
 * @param {string} [chosen] One of the values.
 * @returns {{row: HTMLElement, input: HTMLSelectElement}} Both.
 */
export function choice(label, id, options, chosen) {
  const input = el("select", { id, name: id },
    ...options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  return { row: el("div.field", el("label", { for: id }, label), input), input };
}

/**
 * @param {object} app With words, cards and settings.
 * @param {string} label What is asked.
 * @returns {Promise<{row: HTMLElement, input: HTMLSelectElement}>} The choice of an economy: that of the address which brought
 *   the holder here, or of the card on this phone; else none, so that nobody sends the first in the list by mistake.
 */
export async function economyChoice(app, label) {
  const [card] = await app.wallet.cards();
  const known = (await app.store.setting("at")) ?? card?.economy ?? "";
  const named = app.words.economies().map((code) => [code, app.words.economy(code)]);
  return choice(label, "economy", known ? named : [["", app.t("economies.choose")], ...named], known);
}

/** @returns {HTMLElement} A form that is never sent by the browser itself. */
export function form(onsubmit, ...children) {
  return el("form", {
    novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      onsubmit(event.submitter ?? event.target.querySelector("button"));
    },
  }, ...children);
}

/** @returns {HTMLElement} The button that sends a form. */
export function submit(label, kind = "") {
  return el(kind ? `button.${kind}` : "button", { type: "submit" }, label);
}

/** @returns {HTMLElement} Names and values below each other; a value that is missing is left out with its name. */
export function facts(...rows) {
  return el("dl.facts", ...rows.filter(([, value]) => value).map(([name, value]) => el("div", el("dt", name), el("dd", value))));
}

/** @returns {string} A name as it stands on the card. */
export function personName({ family_name: family, given_name: given }) {
  return plain(given ? `${family}, ${given}` : family);
}

/** @returns {string} What is shown of a passport's number, with its economy. */
export function maskedPassport({ country, number_end: end }) {
  return `${plain(country)} •••• ${plain(end)}`;
}
