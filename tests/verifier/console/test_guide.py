"""The officer's guide: its words, its facts, its pages."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath

import pytest
from flask import Flask
from flask.testing import FlaskClient

import verifier
from issuer.documents import policy_document, scheme_document
from tests.docs import build_guide
from tests.simulator import NOW, SCHEME
from tests.verifier.console.conftest import ORIGIN, Desk
from tests.verifier.test_guidance import (
    CHARSETS,
    EVERY_REASON,
    LANGUAGES,
    LETTERS,
    OTHERS,
    STATES,
)
from verifier.console import words as console_words
from verifier.console.guide import Guide, blueprint, every_page, pages
from verifier.console.guide.pages import economy, look_of_reason
from verifier.console.guide.views import guide_of
from verifier.console.guide.words import NAMES, names_of, words_of

ENGLISH = words_of("en")
PLACE = re.compile(r"\{\w+\}")


@cache
def made() -> dict[str, str]:
    """Every page of ``docs/guide``, by path."""
    return dict(every_page(build_guide.guide()))


def trust_of(*economies: str, **changed: bytes) -> verifier.Trust:
    """What a device of these economies has."""
    policies = {
        f"{code}/policy.json": policy_document(SCHEME, code, issued_at=NOW)
        for code in economies
    }
    return verifier.Trust.from_documents(
        {"scheme.json": scheme_document(SCHEME, issued_at=NOW), **policies, **changed},
        version=1,
        issued_at=NOW,
        expires_at=NOW + timedelta(days=7),
    )


# Words.


def test_the_guide_speaks_the_languages_of_the_catalogue() -> None:
    """Eleven, each under the name that its readers use, each from a file of its own."""
    assert tuple(NAMES) == LANGUAGES
    folder = resources.files("verifier.console.guide").joinpath("words")
    assert {each.name for each in folder.iterdir()} == {f"{n}.json" for n in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_there_with_its_places(language: str) -> None:
    """Nobody meets a gap, or a number that is missing from its sentence."""
    words = words_of(language)
    assert list(words) == list(ENGLISH)
    for key, english in ENGLISH.items():
        assert sorted(PLACE.findall(words[key])) == sorted(PLACE.findall(english)), key
        assert words[key].strip(" ") != "", key
        assert not re.search(
            r"[<>&\u200b-\u200f\u202a-\u202e\u2066-\u2069]", words[key]
        )
    assert len(words["months"].split("|")) == 12


@pytest.mark.parametrize("language", OTHERS)
def test_no_word_is_left_in_english_or_in_another_script(language: str) -> None:
    """Only marks and dates may be the same in two languages."""
    free = {"colon", "list", "date"}
    for key, text in words_of(language).items():
        if key in free:
            continue
        assert text != ENGLISH[key], key
        text.encode(CHARSETS.get(language, "utf-8"))
        if LETTERS[language] != "LATIN":
            latin = set(re.findall("[A-Za-z]+", PLACE.sub("", text)))
            assert latin <= {"ABTC", "APEC", "i", "O", "I"}, key


@pytest.mark.parametrize(("language", "word"), STATES)
def test_nobody_is_called_a_country(language: str, word: str) -> None:
    """Members of the scheme are economies, under the names that APEC uses."""
    for key, text in words_of(language).items():
        plain = text.lower().replace("kewarganegaraan", "").replace("страниц", "")
        assert word not in plain, key
    assert set(names_of(language)) == set(SCHEME.economies)


class Noting(dict[str, str]):
    """Words that know which of them were looked up."""

    def __init__(self) -> None:
        super().__init__(ENGLISH)
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        self.used.add(key)
        return super().get(key, default)


def test_every_word_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that no page shows is no translator's work."""
    words = Noting()
    monkeypatch.setattr(pages, "words_of", lambda _: words)
    device = guide_of(trust_of("SGP"), NOW)
    for guide in (build_guide.guide(), device):
        pages.index(guide, "en")
        pages.practice(guide, "en")
        for code in guide.facts:
            economy(guide, "en", code)
    # Which rules and spans there are is up to the scheme.
    open_ended = ("value.", "rule.", "effect.")
    unused = words.keys() - words.used
    assert {key for key in unused if not key.startswith(open_ended)} == set()


# Codes and looks.


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_place_in_the_guide(language: str) -> None:
    """What it means, what to do, what it does not say; with an address of its own."""
    page = made()[f"{language}/index.html"]
    for reason in EVERY_REASON:
        text = verifier.guidance(reason, language)
        _, _, article = page.partition(f'<article id="{reason}"')
        article = article.partition("</article>")[0].replace("&#39;", "'")
        for sentence in (text.what, text.do, text.does_not_say):
            assert f"<dd>{sentence}</dd>" in article, reason
    for own in ("officer.mismatch", "device.not_ready", "manual.mistyped"):
        assert f'<article id="{own}"' in page


def test_the_looks_are_those_of_the_answers() -> None:
    """As docs/reasons.md has them; a lane's answer has none of its own."""
    answers: dict[verifier.Reason, str | None] = {
        verifier.EntryReason.CLEARED: "accepted",
        verifier.EntryReason.WITHDRAWN: "genuine",
        verifier.EntryReason.STAY_UNKNOWN: "by_hand",
        verifier.UndecidedReason.STATUS_STALE: "by_hand",
        verifier.RejectReason.REVOKED: "refused",
        verifier.RejectReason.TEST: "not_live",
        verifier.LaneReason.OPEN: None,
    }
    assert {each: look_of_reason(each) for each in answers} == answers


def test_five_shapes_are_told_apart_without_colour() -> None:
    """Each look is drawn in its own way."""
    page = made()["en/index.html"]
    svg = re.compile(r'<svg class="shape (\w+)"[^>]*>(.*?)</svg>', re.DOTALL)
    drawn = dict(svg.findall(page))
    assert set(drawn) == {each.value for each in verifier.Look}
    assert len(set(drawn.values())) == len(drawn)


@pytest.mark.parametrize("language", LANGUAGES)
def test_looks_have_the_words_of_the_screen(language: str) -> None:
    """What an officer has read about is what the console says."""
    shown, told = console_words.words(language)["ui"], words_of(language)
    assert isinstance(shown, dict)
    for look in verifier.Look:
        word = told[f"look.{look}.word"]
        assert shown[f"look.{look}"].casefold() == word.casefold()


# Facts.


def test_facts_carry_time_mark_and_source() -> None:
    """As the economy published them; what it left empty is not invented."""
    facts = trust_of("CHN").facts_of("CHN")
    phone = [
        fact
        for fact in facts
        if fact.key == "accepts_form" and fact.says["form"] == "app"
    ]
    change = datetime(2023, 4, 30, 16, tzinfo=UTC)
    assert [(fact.says["value"], fact.starts_at, fact.ends_at) for fact in phone] == [
        (False, None, change),
        (True, change, None),
    ]
    assert {(fact.mark, fact.source) for fact in phone} == {
        ("verified", "AUS Home Affairs")
    }
    assert not any(fact.key == "min_passport_validity" for fact in facts)


def test_facts_name_every_rule_that_can_speak_of_an_economy() -> None:
    """As destination and as issuer, and none of other pairs."""
    rules = [each for each in trust_of().facts_of("HKG") if each.key == "pair_rules"]
    named = {(each.says["issuer"], each.says["destination"]) for each in rules}
    assert named >= {("TWN", "HKG"), ("HKG", "TWN"), ("CHN", "HKG"), ("CAN", None)}
    assert ("TWN", "CHN") not in named


def test_a_device_knows_its_own_rules_and_says_what_it_lacks() -> None:
    """Of the others it has membership and the rules between economies."""
    guide = guide_of(trust_of("SGP"), NOW)
    assert ENGLISH["economies.elsewhere"] not in economy(guide, "en", "SGP")
    other = economy(guide, "en", "JPN")
    assert ENGLISH["economies.elsewhere"] in other
    assert ENGLISH["value.full"] in other


@pytest.mark.parametrize(
    ("now", "answer"),
    [(datetime(2023, 4, 30, 15, 59, 59, tzinfo=UTC), "not accepted"),
     (datetime(2023, 4, 30, 16, tzinfo=UTC), "accepted")],
)  # fmt: skip
def test_what_is_in_force_is_marked(now: datetime, answer: str) -> None:
    """At the moment of reading; on paper nothing is."""
    facts = {"CHN": trust_of("CHN").facts_of("CHN")}
    guide = Guide(facts=facts, with_rules=frozenset(facts), now=now)
    page = economy(guide, "en", "CHN")
    row = re.search(r"card on a phone: (.*?) <span", page)
    assert row
    assert row[1] == answer
    assert "in force now" not in made()["en/economies/CHN.html"]


def test_what_is_not_known_is_neither_yes_nor_no() -> None:
    """Whether Japan's lane needs a clearance is such a thing."""
    page = made()["en/economies/JPN.html"]
    lane = page.partition('id="JPN-lane"')[2].partition("</section>")[0]
    assert ENGLISH["economies.unknown"] in lane
    assert "<table>" not in lane


def test_d_a_source_cannot_write_into_the_page() -> None:
    """Text of another economy is data: no markup, no hidden direction, no end."""
    policy = json.loads(policy_document(SCHEME, "SGP", issued_at=NOW))
    policy["max_stay"][0]["source"] = "<script>x</script>\u202e\u200b" + "y" * 999
    policy["allowed_purposes"][0]["value"] = ["<b>"]
    policy["accepts_form"].append(
        {"form": "implant", "value": 7, "from": None, "until": None}
    )
    changed = {"SGP/policy.json": json.dumps(policy).encode()}
    facts = {"SGP": trust_of(**changed).facts_of("SGP")}
    guide = Guide(facts=facts, with_rules=frozenset(facts), now=NOW)
    page = economy(guide, "en", "SGP")
    assert "&lt;script&gt;x" in page
    assert "&lt;b&gt;" in page
    assert not re.search("<script|<b>|\u202e|\u200b|y{201}|implant", page)


# Pages.


def test_pages_link_to_pages_that_exist_and_to_nothing_else() -> None:
    """Also without a server, and without a network."""
    known = made().keys() | {"guide.css"}
    for name, page in made().items():
        for target in re.findall(r'(?:href|src)="([^"]+)"', page):
            path, _, anchor = target.partition("#")
            found = _joined(PurePosixPath(name).parent, path) if path else name
            assert found in known, f"{name}: {target}"
            assert not anchor or f'id="{anchor}"' in made()[found], f"{name}: {target}"


def _joined(folder: PurePosixPath, path: str) -> str:
    parts = list(folder.parts)
    for part in PurePosixPath(path).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_say_their_language(language: str) -> None:
    """And need no script, no style of their own and nobody else's server."""
    for name in ("index.html", "practice.html", "economies/JPN.html"):
        page = made()[f"{language}/{name}"]
        assert f'<html lang="{language}">' in page
        assert not re.search(r"<script|style=|https?:|\bon\w+=", page)


def test_docs_guide_is_what_the_catalogue_says() -> None:
    """And whatever is changed, added or missing there is noticed."""
    assert build_guide.differences(made()) == []


def test_a_page_that_drifted_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed word, a page too many, a page too few."""
    written = {"en/index.html": "a", "guide.css": "b"}
    monkeypatch.setattr(build_guide, "PAGES", tmp_path)
    build_guide.write(written)
    assert build_guide.differences(written) == []
    (tmp_path / "guide.css").write_text("c")
    (tmp_path / "en" / "old.html").write_text("d")
    wanted = {**written, "th/index.html": "e"}
    found = ["en/old.html", "guide.css", "th/index.html"]
    assert build_guide.differences(wanted) == found
    build_guide.write(wanted)
    assert build_guide.differences(wanted) == []


# Inside the console.


@pytest.fixture
def browser() -> FlaskClient:
    app = Flask(__name__)
    trust = trust_of("SGP")
    app.register_blueprint(blueprint(lambda: trust, now=lambda: NOW))
    return app.test_client()


@pytest.mark.parametrize(
    "path",
    ["en/", "th/index.html", "ja/practice.html", "ru/economies/SGP.html", "guide.css"],
)
def test_the_console_shows_the_guide(browser: FlaskClient, path: str) -> None:
    """From the data of the moment."""
    found = browser.get(f"/guide/{path}")
    assert found.status_code == 200
    kind = "text/css" if path.endswith("css") else "text/html"
    assert found.content_type == f"{kind}; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    ["de/", "../words/en.json", "en/economies/XXX.html", "en/economies/sgp.html",
     "EN/index.html", "en/printed.html"],
)  # fmt: skip
def test_what_is_no_page_is_not_found(browser: FlaskClient, path: str) -> None:
    """And no name of a file gets anywhere."""
    assert browser.get(f"/guide/{path}").status_code == 404


def test_the_guide_needs_no_data() -> None:
    """An officer whose device is not ready can read how to make it so."""
    app = Flask(__name__)
    app.register_blueprint(blueprint(lambda: None, now=lambda: NOW))
    page = app.test_client().get("/guide/en/")
    assert page.status_code == 200
    assert ENGLISH["fresh.update"] in page.text
    assert "economies/" not in page.text


def test_the_console_has_the_guide_of_its_own_data(desk: Desk) -> None:
    """With the headers of every page, and nothing but pages: no template, no word."""
    page = desk.browser.get("/guide/en/economies/SGP.html", base_url=ORIGIN)
    assert page.status_code == 200
    assert ENGLISH["fact.now"] in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    for name in ("en/pages.py", "templates/index.html", "words/en.json"):
        found = desk.browser.get(f"/guide/{name}", base_url=ORIGIN)
        assert found.status_code == 404
