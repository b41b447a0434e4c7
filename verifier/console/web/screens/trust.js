/** What this device trusts: issuers, their keys and windows, lists and dates, and the rules here. */

import { el, plain } from "../dom.js";
import { actions, door, facts, notice } from "./parts.js";
import { updating } from "./home.js";

/** @returns {object} The screen. */
export function trust(app) {
  const place = el("div", el("p.lead", app.t("loading")));
  const part = updating(app);
  part.update(app.state);
  const load = () => app.run(null, async () => {
    const told = await app.ask("GET", "trust");
    if (told) place.replaceChildren(...shown(app, told));
  });
  let version = app.state.freshness.trust?.version;
  return {
    title: app.t("trust.title"),
    body: [el("p.lead", app.t("trust.lead")), place, part.element, actions(door("#/home", app.t("home.title")))],
    enter: load,
    update: (state) => {
      part.update(state);
      if (state.freshness.trust?.version === version) return;
      version = state.freshness.trust?.version;
      load();
    },
  };
}

function shown(app, told) {
  const { words } = app;
  const { problems, without_keys: missing, destination } = told;
  return [
    facts([app.t("fresh.trust"), app.t("fresh.version", { version: told.version })],
      [app.t("trust.issued"), words.moment(told.issued_at)], [app.t("trust.expires"), words.moment(told.expires_at)],
      [app.t("trust.floor"), words.moment(told.time_floor)]),
    problems.length > 0 && notice("warn", el("p", el("strong", app.t("update.problems"))), el("ul", ...problems.map((each) => el("li", plain(each))))),
    el("h2", app.t("trust.issuers")),
    ...told.issuers.map((each) => issuer(app, each)),
    missing.length > 0 && el("p.hint", app.t("trust.missing", { economies: words.list(missing.map((code) => words.economy(code))) })),
    el("h2", app.t("trust.rules", { economy: words.economy(destination.economy) })),
    destination.rules ? rules(app, destination.rules) : notice("warn", app.t("trust.rules.none")),
  ].filter(Boolean);
}

function span(app, { from, until }) {
  if (!from && !until) return app.t("trust.always");
  if (!until) return app.t("trust.from", { from: app.words.moment(from) });
  return from ? `${app.words.moment(from)} – ${app.words.moment(until)}` : app.t("trust.until", { until: app.words.moment(until) });
}

function issuer(app, { economy, url, test, keys, lists }) {
  const { words } = app;
  const count = app.t("trust.keys", { count: words.number(keys.length) });
  return el("details", el("summary", el("span", words.economy(economy)), el("small", test ? app.t("trust.test") : count)),
    el("p.detail", plain(url)),
    el("ul.plainlist", ...keys.map((key) => el("li", el("strong", app.t(`trust.use.${key.use}`)), " ",
      el("code", plain(key.kid)), " ", el("code", plain(key.fingerprint)), el("small", span(app, key))))),
    el("ul.plainlist", ...lists.map((list) => el("li", el("strong", app.t(`trust.list.${list.kind}`)), " ", el("code", plain(list.uri)),
      el("small", `${words.moment(list.issued_at)} – ${words.moment(list.expires_at)} · ${app.t(`state.${list.state}`)}`)))));
}

/** What holds now, as the destination has published it. */
function rules(app, told) {
  const { words } = app;
  const now = (entries) => entries.find((each) => each.now)?.value ?? null;
  const length = (value) => value && words.length(value);
  const yes = (value) => (value === null ? app.t("trust.rule.unknown") : app.t(value ? "trust.rule.yes" : "trust.rule.no"));
  return el("div", facts(
    ...Object.entries(told.accepts_form).map(([form, entries]) => [app.t(`form.${form}`), yes(now(entries))]),
    [app.t("trust.rule.stay"), length(now(told.max_stay)) ?? app.t("trust.rule.unknown")],
    [app.t("trust.rule.lane"), yes(now(told.lane_needs_clearance))],
    [app.t("trust.rule.passport"), length(now(told.passport_validity)) ?? app.t("trust.rule.unknown")],
  ), el("ul.plainlist", ...told.exclusions.filter((each) => each.now).map(({ issuer: of, nationality, effect }) => el("li",
    app.t(`exclusion.${effect}`, { who: words.list([of && words.economy(of), nationality && words.economy(nationality)].filter(Boolean)) })))));
}
