/** A list of passengers: a file in, a file out, and the rows that are to be put right. */

import { ask, Gone, Refused } from "./console/api.js";
import { el, plain } from "./console/dom.js";
import { actions, button, form, submit } from "./console/screens/parts.js";

/** Milliseconds without a row after which the desk has stopped answering. */
const PATIENCE = 60_000;
const KINDS = ["gives", "does_not_give", "no_answer"];
/** Rows to put right that are shown; all of them are in the file. */
const SHOWN = 200;

export class Listing {
  #app;
  #stop = null;

  constructor(app) {
    this.#app = app;
    const t = (key) => app.t(key);
    this.file = el("input", { type: "file", id: "file", accept: ".csv,text/csv,text/plain", required: true, "aria-describedby": "columns" });
    this.problem = el("p.problem.wrong", { role: "alert" });
    this.result = el("div", { "aria-live": "polite" });
    this.element = el("div",
      el("h1", { id: "title", tabindex: "-1" }, t("list.title")), el("p.lead", t("list.lead")),
      form(() => this.#check(), el("section.part",
        el("div.field", el("label", { for: "file" }, t("list.file")), el("p.hint", { id: "columns" }, t("list.columns")), this.file),
        this.problem, actions(submit(t("list.send"))))),
      this.result);
  }

  enter() {
    this.element.querySelector("h1").focus({ preventScroll: true });
  }

  leave() {
    this.#stop?.abort(new DOMException("left", "AbortError"));
  }

  async #check() {
    const [file] = this.file.files;
    if (!file || this.#stop) return;
    this.problem.textContent = "";
    this.#stop = new AbortController();
    try {
      await this.#run(textOf(await file.arrayBuffer()), this.#stop.signal);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#stop = null;
    }
  }

  #failed(error) {
    this.result.replaceChildren();
    if (error.name === "AbortError") return;
    this.problem.textContent = this.#wording(error);
    this.problem.scrollIntoView({ block: "nearest" });
  }

  #wording(error) {
    const t = (key, values) => this.#app.t(key, values);
    if (error instanceof Gone) return t("list.broken");
    if (!(error instanceof Refused)) throw error;
    const isList = error.status === 422;
    return isList ? t("list.unreadable", { detail: error.more.detail }) : t("error.refused", { code: error.code });
  }

  async #run(csv, signal) {
    const response = await ask("POST", "lists", { csv }, { patience: PATIENCE, signal });
    const rows = [];
    let [all, file] = [0, null];
    for await (const told of lines(response.body)) {
      if ("rows" in told) all = told.rows;
      else if ("csv" in told) file = told.csv;
      else rows.push(told);
      this.#progress(rows.length, all);
    }
    // Cut off in its middle: half a list would be taken for a whole one.
    if (file === null) throw new Gone("cut off");
    this.#show(rows, file);
  }

  #progress(done, all) {
    const text = this.#app.t("list.progress", { done: this.#app.words.number(done), all: this.#app.words.number(all) });
    if (!this.result.querySelector("progress")) {
      const stop = button(this.#app.t("list.stop"), () => this.leave(), "plain");
      this.result.replaceChildren(el("p.progress"), el("progress", { "aria-label": this.#app.t("list.title") }), actions(stop));
    }
    this.result.querySelector("p").textContent = text;
    Object.assign(this.result.querySelector("progress"), { max: all || 1, value: done });
  }

  #show(rows, csv) {
    const t = (key, values) => this.#app.t(key, values);
    const { words } = this.#app;
    const faults = rows.filter(({ error }) => error);
    const count = (kind) => rows.filter(({ answer }) => answer === kind).length;
    const counts = [...KINDS.map((kind) => [`list.count.${kind}`, count(kind)]), ["list.count.error", faults.length]];
    const json = `${JSON.stringify({ passengers: rows }, null, 1)}\n`;
    this.result.replaceChildren(
      el("h2", { id: "done", tabindex: "-1" }, t("list.done", { all: words.number(rows.length) })),
      el("dl.counts", ...counts.map(([key, number]) => el("div", el("dt", t(key)), el("dd", words.number(number))))),
      actions(save(t("list.csv"), csv, "text/csv", "csv"), save(t("list.json"), json, "application/json", "json")),
      faults.length ? this.#faults(faults) : "",
      el("p.information", t("answer.information")));
    this.result.querySelector("#done").focus();
  }

  #faults(faults) {
    const t = (key) => this.#app.t(key);
    const { words } = this.#app;
    const row = ({ line, reference, error: { column, detail } }) => el("tr", el("td.count", words.number(line)), el("td", plain(reference)),
      el("td", el("code", column), " ", t(`row.${column}`), el("small", plain(detail))));
    return el("section", el("h2", t("list.errors")),
      el("div.wide-table", { tabindex: "0", role: "region", "aria-label": t("list.errors") }, el("table",
        el("thead", el("tr", ...["line", "reference", "problem"].map((name) => el("th", { scope: "col" }, t(`list.${name}`))))),
        el("tbody", ...faults.slice(0, SHOWN).map(row)))));
  }
}

/** Text of a file; bytes that are none would change a reference unseen. */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Refused(422, { error: "request.malformed", detail: "not UTF-8: save it as CSV UTF-8" });
  }
}

/** Objects of a body, one a line, as they come. */
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new Gone(error.name);
    });
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const line of whole) yield JSON.parse(line);
  }
}

/** @returns {HTMLElement} A link that saves a text as a file. */
function save(label, text, type, ending) {
  const at = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  return el("a.button.plain", { href: at, download: `abtc-entry-basis.${ending}` }, label);
}
