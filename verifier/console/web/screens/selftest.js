/** The self-test: every part is tried, and an imager shows whether its letters arrive. */

import { el, plain } from "../dom.js";
import { drawCode } from "../code.js";
import { openReader } from "../camera/readers.js";
import { wedgeField } from "../imager.js";
import { actions, button, door, notice, sign } from "./parts.js";
import { soundButtons } from "./settings.js";

const SIGNS = { passed: "yes", failed: "stop", doubt: "warn", not_asked: "none" };

/** @returns {object} The screen. */
export function selftest(app) {
  const place = el("ul.rows.tests", el("li", app.t("loading")));
  const canvas = el("canvas", { role: "img", "aria-label": app.t("selftest.card.alt") });
  const verdict = el("div", { "aria-live": "polite" });
  const run = async () => {
    const told = await app.ask("GET", "selftest");
    if (told === null) return;
    place.replaceChildren(...told.checks.map((check) => line(app, check)), ...(await ownLines(app)));
    drawCode(canvas, told.card.text, { ecc: "low", encoding: "alphanumeric" });
  };
  const typed = (text) => app.run(null, async () => {
    const told = await app.ask("POST", "selftest/imager", { text });
    if (told) verdict.replaceChildren(layout(app, told));
  });
  const field = wedgeField(app.t("selftest.imager"), app.settings.get("end"), typed);
  field.classList.add("shown");
  return {
    title: app.t("selftest.title"),
    look: "wide",
    body: [el("p.lead", app.t("selftest.lead")), el("div.columns",
      el("div", place, el("h2", app.t("settings.sound")), soundButtons(app),
        actions(button(app.t("again"), ({ currentTarget }) => app.run(currentTarget, run)), door("#/home", app.t("home.title")))),
      el("section", el("h2", app.t("selftest.imager")), el("p", app.t("selftest.imager.do")), field, verdict, el("div.paper", canvas)))],
    enter: () => {
      app.onscan = (read) => read.text && typed(read.text);
      app.run(null, run);
    },
  };
}

function line(app, { name, state, detail }) {
  const key = `selftest.${name}`;
  return el(`li.test-${state}`, sign(SIGNS[state]), el("div", el("strong", app.words.has(key) ? app.t(key) : plain(name)),
    detail && state !== "passed" && el("small", plain(detail))), el("span.fresh-state", app.t(`selftest.state.${state}`)));
}

/** What only the page can try: its own reader of codes, and whether there is a camera. */
async function ownLines(app) {
  const reader = await openReader();
  reader.close();
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const hasCamera = devices.some(({ kind }) => kind === "videoinput");
  return [
    line(app, { name: "page", state: reader.kind === "server" ? "doubt" : "passed", detail: app.t(`reader.${reader.kind}`) }),
    line(app, { name: "camera", state: hasCamera ? "passed" : "not_asked", detail: "" }),
  ];
}

function layout(app, { state, swapped }) {
  const pairs = swapped.map(([printed, came]) => `${plain(printed)} → ${plain(came)}`);
  return notice(state === "right" ? "info" : "warn", el("p", el("strong", app.t(`selftest.imager.${state}`))),
    state === "right" ? "" : app.t("selftest.imager.bad"), pairs.length > 0 && el("p.detail", pairs.join("   ")));
}
