/** Parts that many screens are made of. */

import { el, plain, vector } from "../dom.js";

/** @returns {HTMLElement} A button; `kind` is none for the main one, `plain`, `danger` or `quiet`. */
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

/** What each sign is drawn with, in a square of 24: told apart without colour. */
const SIGNS = {
  info: "M4 4h16v16H4zM12 7.500v.1M12 11v6",
  warn: "M12 3 22 20H2zM12 9.500v5M12 17v.1",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9l6 6M15 9l-6 6",
  yes: "M5 12.500l4.500 4.500L19 7",
  no: "M6 6l12 12M18 6 6 18",
  unknown: "M12 17.500v.1M9 9.500a3 3 0 1 1 4.200 2.800c-.8.4-1.200.9-1.200 2.200",
  none: "M7 12h10",
  next: "M9 5l7 7-7 7",
  scan: "M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M4 12h16",
  torch: "M13 2 5 13.500h6L10 22l8.500-12H12.500z",
  flip: "M4 11a8 8 0 0 1 14-4l2 2M20 4v5h-5M20 13a8 8 0 0 1-14 4l-2-2M4 20v-5h5",
  focus: "M12 9a3 3 0 1 0 .01 0M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3",
  keys: "M3 6h18v12H3zM7 10h.1M12 10h.1M17 10h.1M8 14h8",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M9 9h.1",
  passport: "M6 3h12v18H6zM12 7.500a3.500 3.500 0 1 0 .01 0M9 17h6",
  sound: "M4 9.500v5h4l5 4v-13l-5 4zM16.500 9a4 4 0 0 1 0 6M19 6.500a8 8 0 0 1 0 11",
  mute: "M4 9.500v5h4l5 4v-13l-5 4zM16.500 9.500l5 5M21.500 9.500l-5 5",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  home: "M4 11l8-7 8 7v9h-5.500v-6h-5v6H4z",
  list: "M4 6h.1M8.500 6H20M4 12h.1M8.500 12H20M4 18h.1M8.500 18H20",
  key: "M8 11a4 4 0 1 0 .01 0M11 12.500 20 3.500M16 7.500l3 3",
  test: "M9 3h6M10 3v6l-5 9.500A1.700 1.700 0 0 0 6.500 21h11a1.700 1.700 0 0 0 1.500-2.500L14 9V3M8 15h8",
  learn: "M2 9.500 12 5l10 4.500L12 14zM6 11.500v5c3 2.300 9 2.300 12 0v-5",
  ask: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2.500v2.500M20 14v6h-6",
  guide: "M4 5c3-1 6-1 8 1 2-2 5-2 8-1v14c-3-1-6-1-8 1-2-2-5-2-8-1zM12 6v14",
  gear: "M12 9a3 3 0 1 0 .01 0M12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M5.600 18.400l2.100-2.100M16.300 7.700l2.100-2.100",
  update: "M12 3v11M7.500 10 12 14.500 16.500 10M4 17v3h16v-3",
  person: "M12 4a4 4 0 1 0 .01 0M4.500 21c0-4.500 3.500-7 7.500-7s7.500 2.500 7.500 7",
  bell: "M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 2h-15zM10 21h4",
  clock: "M12 3a9 9 0 1 0 .01 0M12 7.500V12l3 2",
  card: "M3 6h18v12H3zM3 10h18M6.500 14.500h5",
  imager: "M4 7h11a4 4 0 0 1 4 4v1H9l-1.500 8H4.500L6 12H4zM21 8h.1M21.500 11.500h.1",
};

/** @returns {SVGElement} A sign of `SIGNS`; readers of screens pass it by. */
export function sign(name) {
  return vector("svg", { viewBox: "0 0 24 24", class: `sign sign-${name}`, "aria-hidden": "true" }, vector("path", { d: SIGNS[name] }));
}

/**
 * @param {"info" | "warn" | "stop"} kind Which look, repeated by a sign.
 * @param {...(string | Node)} children What it says.
 * @returns {HTMLElement} A notice.
 */
export function notice(kind, ...children) {
  const content = children.filter(Boolean).map((child) => (typeof child === "string" ? el("p", child) : child));
  return el(`div.notice.${kind}`, sign(kind), el("div", ...content));
}

/**
 * @param {string} label What is asked.
 * @param {object} attributes Of the input, with its `id`.
 * @param {string} [hint] What helps to answer.
 * @param {"input" | "textarea"} [tag] Which.
 * @returns {{row: HTMLElement, input: HTMLInputElement}} Both.
 */
export function field(label, attributes, hint, tag = "input") {
  const described = hint ? `${attributes.id}-hint` : false;
  const input = el(tag, { name: attributes.id, "aria-describedby": described, autocomplete: "off", spellcheck: "false", ...attributes });
  return { row: el("div.field", el("label", { for: attributes.id }, label), hint && el("p.hint", { id: described }, hint), input), input };
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

/** @returns {HTMLElement} One of a few, all in sight. */
export function segments(label, name, options, chosen) {
  return el("fieldset.segments", el("legend", label), el("div", ...options.map(([value, text]) => el("label",
    el("input", { type: "radio", name, value, checked: value === chosen, required: true }), el("span", text)))));
}

/** @returns {HTMLElement} A form that is never sent by the browser itself. */
export function form(onsubmit, ...children) {
  return el("form", {
    novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      onsubmit(event.submitter ?? event.target.querySelector("button"), new FormData(event.target));
    },
  }, ...children);
}

/** @returns {HTMLElement} The button that sends a form. */
export function submit(label, kind = "") {
  return el(kind ? `button.${kind}` : "button", { type: "submit" }, label);
}

/** @returns {HTMLElement} Names and values; a value that is missing is left out with its name. */
export function facts(...rows) {
  return el("dl.facts", ...rows.filter((row) => row && row[1]).map(([name, value]) => el("div", el("dt", name), el("dd", value))));
}

/** @returns {HTMLElement} Ways on: sign, name, what it is about, where to. */
export function doors(...rows) {
  return el("ul.doors", ...rows.filter(Boolean).map(([name, label, about, href]) => el("li",
    el("a", { href }, sign(name), el("span", el("strong", label), about && el("small", about)), sign("next")))));
}

/** @returns {HTMLElement} A small button with a sign; its name is read aloud, and shown where there is room. */
export function tool(name, label, onclick, pressed) {
  return el("button.tool", { type: "button", onclick, "aria-pressed": pressed === undefined ? false : String(pressed) },
    sign(name), el("span", label));
}

/**
 * Ask before something that the next travellers would feel.
 *
 * @param {string[]} texts What is asked, and what follows from it.
 * @param {{yes: string, no: string}} labels Of the buttons.
 * @param {HTMLElement} [more] What is filled in.
 * @returns {Promise<boolean>} Whether yes was pressed.
 */
export function confirmed([question, ...texts], { yes, no }, more) {
  const before = document.activeElement;
  const heading = el("h2", { id: "dialog-name" }, question);
  const close = (value) => () => dialog.close(value);
  const dialog = el("dialog", { "aria-labelledby": "dialog-name" }, heading, ...texts.map((text) => el("p", text)), more,
    actions(button(yes, close("yes")), button(no, close("no"), "plain")));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}

/** @returns {string} A name as passports print it: family name first. */
export function personName({ family_name: family, given_name: given }) {
  return plain(given ? `${family}, ${given}` : family);
}

/** @returns {HTMLElement} Characters of one text, those that differ from another marked. */
export function compared(text, other) {
  const [mine, theirs] = [[...plain(text)], [...plain(other)]];
  return el("span.compared", ...mine.map((letter, at) => (letter === theirs[at] ? letter : el("mark", letter))),
    ...(theirs.length > mine.length ? [el("mark", "·".repeat(theirs.length - mine.length))] : []));
}
