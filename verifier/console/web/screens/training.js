/** Training: grey cards for every reason code, and a run of ten that asks what is to be done. */

import { el, plain } from "../dom.js";
import { person } from "./compare.js";
import { actions, button, door, notice, sign } from "./parts.js";
import { shape } from "../looks.js";

const ACTS = { admit: "yes", normal_rules: "info", refer: "warn", update: "update", refuse: "stop" };

/** @returns {object} The screen: the list, or the run that goes on. */
export function training(app) {
  const place = el("div.training-place", el("p.lead", app.t("loading")));
  const show = (children) => place.replaceChildren(...children);
  const draw = async () => {
    const { run } = app.trainee;
    if (!run) return show(await list(app, draw));
    if (run.at >= run.cases.length) return show(result(app, draw));
    return show(await question(app, draw));
  };
  return {
    title: app.t("training.title"),
    look: "training-screen",
    training: true,
    body: [place],
    enter: () => app.run(null, draw),
  };
}

async function list(app, draw) {
  const cases = await app.trainee.cases();
  if (cases === null) return [];
  const begin = (isFirst) => ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.trainee.begin({ isFirst });
    await draw();
    document.getElementById("title").focus();
  });
  const groups = Map.groupBy ? Map.groupBy(cases, ({ group }) => group) : grouped(cases);
  return [
    el("p.lead", app.t("training.lead")),
    actions(button(app.t("training.first"), begin(true), "main"), button(app.t("training.run"), begin(false), "plain"), door("#/home", app.t("home.title"))),
    ...[...groups].map(([group, members]) => el("section", el("h2", groupName(app, group)), el("ul.cases", ...members.map((each) => el("li",
      el("button.case", { type: "button", "data-id": each.id, onclick: ({ currentTarget }) => app.run(currentTarget, () => open(app, each)) },
        el("span", el("strong", each.title ?? app.words.reason(each.code).what), el("code", each.code)), sign("next"))))))),
  ];
}

function grouped(cases) {
  const groups = new Map();
  for (const each of cases) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  return groups;
}

function groupName(app, group) {
  const key = `training.group.${group}`;
  return app.words.has(key) ? app.t(key) : plain(group);
}

async function open(app, each) {
  const answer = await app.trainee.check(each.id);
  if (answer) app.show({ ...answer, training: true }, { code: null });
}

/** A card of the run: the verdict's shape and word, and what the officer would do. */
async function question(app, draw) {
  const { run } = app.trainee;
  const each = run.cases[run.at];
  run.answer ??= await app.trainee.check(each.id);
  const { answer } = run;
  if (answer === null) return [];
  const { what, do: act } = app.words.reason(each.code);
  const choose = (decision) => () => {
    run.chosen = decision;
    if (app.trainee.rightFor(each, answer).includes(decision)) run.right++;
    draw().then(() => document.querySelector(".told")?.focus());
  };
  const next = button(app.t(run.at + 1 < run.cases.length ? "training.card.next" : "training.result"), () => {
    Object.assign(run, { at: run.at + 1, answer: null, chosen: null });
    draw().then(() => document.getElementById("title").focus());
  }, "main");
  const choices = el("div.choices", ...Object.entries(ACTS).map(([name, mark]) => el(`button.choice${run.chosen === name ? ".chosen" : ""}`,
    { type: "button", "data-act": name, onclick: choose(name), disabled: run.chosen !== null }, sign(mark), el("span", el("strong", app.t(`act.${name}`)), el("small", app.t(`act.${name}.about`))))));
  const stop = button(app.t("training.stop"), () => {
    app.trainee.run = null;
    draw().then(() => document.getElementById("title").focus());
  }, "plain");
  return [
    el("p.progress", app.t("training.card", { number: run.at + 1, all: run.cases.length })),
    el(`div.band.look-${answer.look}`, shape(answer.look), el("div", el("p.word", app.t(`look.${answer.look}`)), el("p.why", what))),
    answer.person && person(app, answer),
    el("h2", app.t("training.question")), choices,
    run.chosen && told(app, each, answer, act),
    el("div.foot", ...[run.chosen && next, stop].filter(Boolean)),
  ].filter(Boolean);
}

function told(app, each, answer, act) {
  const right = app.trainee.rightFor(each, answer);
  const isRight = right.includes(app.trainee.run.chosen);
  const best = app.t("training.best", { act: app.t(`act.${right[0]}`) });
  const box = notice(isRight ? "info" : "warn", el("p", el("strong", app.t(isRight ? "training.right" : "training.wrong"))),
    isRight ? "" : best, act, el("p.detail", each.code));
  box.classList.add("told");
  box.setAttribute("tabindex", "-1");
  return box;
}

function result(app, draw) {
  const { run } = app.trainee;
  const again = (isFirst) => ({ currentTarget }) => app.run(currentTarget, async () => {
    await app.trainee.begin({ isFirst });
    await draw();
    document.getElementById("title").focus();
  });
  const isPassed = run.right === run.cases.length;
  const back = button(app.t("training.list"), () => {
    app.trainee.run = null;
    draw();
  }, "plain");
  return [
    el("p.score", app.t("training.score", { right: run.right, all: run.cases.length })),
    notice(isPassed ? "info" : "warn", app.t(isPassed ? "training.passed" : "training.notyet")),
    actions(button(app.t("training.again"), again(!isPassed), "main"), back, door("#/home", app.t("home.title"))),
  ];
}
