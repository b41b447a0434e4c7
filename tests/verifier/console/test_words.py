"""Words of the console and of the airline desk: eleven languages that say the same."""

import json
import re
from importlib import resources
from typing import Any

import pytest

import verifier
from tests.simulator import SCHEME
from tests.verifier.test_guidance import CHARSETS, LANGUAGES, LETTERS, OTHERS, STATES
from verifier.console import words
from verifier.console.codes import ConsoleReason
from verifier.console.desk import words as desk

PLACE = re.compile(r"\{\w+\}")
NAMES = {
    "ABTC", "PIN", "Enter", "Tab", "CSV", "JSON", "JPN", "K", "QF", "M", "T", "i",
    "O", "I", "B", "S", "Z", "reference", "destination", "date", "code", "mrz",
    "country", "number", "read", "at",
}  # fmt: skip
"""Words that stay as they are in every script: names, keys, columns, letters."""
FREE = frozenset({"data.short", "trust.rule.no"})
"""Texts that are the same in English and in some other language."""
PAGES = ["console", "console.desk"]


def read(page: str, language: str) -> dict[str, Any]:
    folder = resources.files(f"verifier.{page}").joinpath("words")
    found: dict[str, Any] = json.loads(folder.joinpath(f"{language}.json").read_text())
    return found


def texts_of(page: str, language: str) -> dict[str, str]:
    """Every text of a page's words, reasons included, by key."""
    told = read(page, language)
    reasons = {
        f"{code}.{part}": text
        for code, row in told.get("reasons", {}).items()
        for part, text in row.items()
    }
    return {**told["ui"], **reasons}


@pytest.mark.parametrize("page", PAGES)
def test_there_are_eleven_languages(page: str) -> None:
    """All that the catalogue of reasons has, and the service offers all of them."""
    folder = resources.files(f"verifier.{page}").joinpath("words")
    assert {file.name for file in folder.iterdir()} == {f"{n}.json" for n in LANGUAGES}
    assert set(words.languages()) == set(desk.languages()) == set(LANGUAGES)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_with_its_places(page: str, language: str) -> None:
    """Nobody meets a gap, or a name that is missing from its sentence."""
    english, texts = texts_of(page, "en"), texts_of(page, language)
    assert list(texts) == list(english)
    for key, text in texts.items():
        places = sorted(PLACE.findall(text))
        assert places == sorted(PLACE.findall(english[key])), key
        assert text.strip() == text != "", key
        assert not re.search(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text), key


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_left_in_english_or_in_another_script(
    page: str, language: str
) -> None:
    """Only names, keys and columns stay as they are."""
    english = texts_of(page, "en")
    for key, text in texts_of(page, language).items():
        text.encode(CHARSETS.get(language, "utf-8"))
        assert text != english[key] or key in FREE, key
        if LETTERS[language] != "LATIN":
            found = set(re.findall("[A-Za-z]+", PLACE.sub("", text)))
            assert found <= NAMES, key


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("language", "word"), STATES)
def test_nobody_is_called_a_country(page: str, language: str, word: str) -> None:
    """Members of the scheme are economies; a column of a file has its own name."""
    for key, text in texts_of(page, language).items():
        plain = PLACE.sub("", text.lower())
        for allowed in ("kewarganegaraan", "страниц", "country"):
            plain = plain.replace(allowed, "") if allowed != word else plain
        assert word not in plain or key in {"list.columns", "row.country"}, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_economies_are_called_as_in_the_wallet(language: str) -> None:
    """One name on every screen; in English exactly the scheme's."""
    wallet = resources.files("wallet_api").joinpath(f"web/words/{language}.json")
    names = json.loads(wallet.read_text())
    economies = read("console", language)["economies"]
    assert economies == {code: names[f"economy.{code}"] for code in economies}
    assert set(economies) == set(SCHEME.economies)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_service_tells_reasons_in_the_same_language(language: str) -> None:
    """Those of the catalogue and the console's own, each with all three texts."""
    told = words.words(language)["reasons"]
    assert isinstance(told, dict)
    revoked = verifier.guidance(verifier.RejectReason.REVOKED, language)
    assert told["status.revoked"] == {
        "what": revoked.what,
        "do": revoked.do,
        "not": revoked.does_not_say,
    }
    for own in ConsoleReason:
        assert set(told[own]) == {"what", "do", "not"}
