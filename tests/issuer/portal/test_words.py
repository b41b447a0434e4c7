"""Every word that the pages for applicants need is in the one file of words."""

import re
from pathlib import Path

import pytest

import issuer.web.portal
from issuer.intake.problem import ProblemCode
from issuer.portal import drafts
from issuer.portal.photo import NAMES
from issuer.store import DocumentKind, PaymentState
from issuer.web.portal.all_pages import VIEWS
from issuer.web.portal.words import languages, say, words

FOLDER = Path(issuer.web.portal.__file__).parent
ELSEWHERE = {"issuer", "reference", "file", "sheet", "request", "answer",
             "register"}  # fmt: skip
"""Beginnings of codes that applicants never meet."""
USED = re.compile(r"""\bw\(\s*["']([a-z_0-9.A-Z]+)["']\s*[,)]""")


def used() -> set[str]:
    files = [*FOLDER.rglob("*.html"), *FOLDER.rglob("*.py")]
    return {key for each in files for key in USED.findall(each.read_text("utf-8"))}


def wanted() -> set[str]:
    codes = {str(each) for each in ProblemCode}
    return {
        *(f"problem.{each}" for each in codes if each.split(".")[0] not in ELSEWHERE),
        *(f"step.{each}" for each in drafts.STEPS),
        *(f"step.{each}.title" for each in drafts.STEPS),
        *(f"field.{each}" for each in (*drafts.PASSPORT, *drafts.CONTACT)),
        *(f"document.{each}" for each in DocumentKind),
        *(f"payment.is.{each}" for each in PaymentState),
        *(f"photo.{each}" for each in NAMES),
        *(f"photo.{each}.look" for each in NAMES),
        *(entry.words for pages in VIEWS for entry in pages.navigation),
    }


def test_every_word_that_is_used_is_there() -> None:
    known = set(words("en"))
    assert used() - known == set()
    assert wanted() - {"problem.name.unconfirmed"} - known == set()


def test_no_word_is_left_over() -> None:
    built = ("problem.", "failure.", "step.", "field.", "document.", "payment.is.",
             "photo.", "mark.", "sex.", "state.", "navigation.",
             "requirements.", "track.")  # fmt: skip
    left = {key for key in words("en") if not key.startswith(built)}
    assert left - used() == set()


@pytest.mark.parametrize("language", languages())
def test_every_language_has_the_same_places_to_fill(language: str) -> None:
    place = re.compile(r"\{(\w+)\}")
    for key, text in words("en").items():
        assert set(place.findall(words(language).get(key, text))) == set(
            place.findall(text)
        ), key


def test_a_language_without_a_word_says_it_in_english() -> None:
    assert say("en", "delete.lead", reference="AUS-1").startswith("Everything")
    with pytest.raises(KeyError):
        say("en", "no.such.word")
