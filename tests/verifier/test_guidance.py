"""Texts of the reason codes: eleven languages that say the same."""

import json
import re
import subprocess
import sys
import unicodedata
from importlib import resources

import pytest

import verifier

LANGUAGES = verifier.guidance_languages()
WORDS = {
    language: json.loads(
        resources.files("verifier").joinpath(f"words/{language}.json").read_text()
    )
    for language in LANGUAGES
}
ENGLISH = WORDS["en"]
OTHERS = [language for language in LANGUAGES if language != "en"]
EVERY_REASON = [
    reason
    for reasons in (
        verifier.RejectReason,
        verifier.UndecidedReason,
        verifier.EntryReason,
        verifier.LaneReason,
    )
    for reason in reasons
]
CHARSETS = {
    "zh-Hant": "big5", "zh-Hans": "gb2312", "ja": "cp932", "ko": "cp949",
    "th": "cp874", "ru": "cp1251", "es": "cp1252", "id": "cp1252", "ms": "cp1252",
}  # fmt: skip
"""They have the letters of a language and lack those of its neighbours: big5 has no
simplified character, gb2312 no traditional one."""
LETTERS = {
    "zh-Hant": "CJK UNIFIED", "zh-Hans": "CJK UNIFIED", "ja": "HIRAGANA",
    "ko": "HANGUL", "th": "THAI", "ru": "CYRILLIC", "es": "LATIN", "id": "LATIN",
    "ms": "LATIN", "vi": "LATIN",
}  # fmt: skip
STATES = [
    ("en", "country"), ("es", "país"), ("id", "negara"), ("ms", "negara"),
    ("ru", "стран"), ("vi", "quốc gia"), ("zh-Hans", "国家"), ("zh-Hant", "國家"),
    ("ja", "国家"), ("ko", "국가"), ("th", "ประเทศ"),
]  # fmt: skip


def texts_of(language: str) -> list[str]:
    return [text for row in WORDS[language].values() for text in row.values()]


def test_the_languages_are_those_of_the_scheme_and_of_the_files() -> None:
    """No file is left out, and none is missing."""
    files = resources.files("verifier").joinpath("words").iterdir()
    names = {file.name.removesuffix(".json") for file in files}
    assert names == set(LANGUAGES)
    assert len(LANGUAGES) == 11


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_three_texts_in_every_language(language: str) -> None:
    """Nobody meets a gap, and no text is kept for a code that does not exist."""
    assert list(WORDS[language]) == [reason.value for reason in EVERY_REASON]
    for reason in EVERY_REASON:
        told = verifier.guidance(reason, language)
        row = WORDS[language][reason]
        assert [told.what, told.do, told.does_not_say] == list(row.values())
        assert list(row) == ["what", "do", "not"]
    for text in texts_of(language):
        assert text.strip() == text != ""
        assert "  " not in text
        assert not re.search(r"[{}$<>|\n\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
        assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize("reason", EVERY_REASON)
def test_english_is_what_is_given_unless_asked_otherwise(
    reason: verifier.Reason,
) -> None:
    """Callers that know of no languages get what they always got."""
    assert verifier.guidance(reason) == verifier.guidance(reason, "en")


@pytest.mark.parametrize("language", ["", "EN", "de", "zh", "en.json", "../words/en"])
def test_an_unknown_language_is_the_callers_mistake(language: str) -> None:
    """Nothing is guessed, and no other file is opened."""
    with pytest.raises(ValueError, match="none of en, zh-Hant"):
        verifier.guidance(verifier.RejectReason.REVOKED, language)


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_left_in_english(language: str) -> None:
    """Each text is in the letters of its language; ABTC is the only foreign word."""
    english = set(texts_of("en"))
    stray = re.compile(r"\b(the|this|that|is|of|and|not|card|holder|check|device)\b")
    for text in texts_of(language):
        assert text not in english
        letters = LETTERS[language]
        assert any(unicodedata.name(each, "").startswith(letters) for each in text)
        if letters == "LATIN":
            assert not stray.search(text.lower()), text
        else:
            assert set(re.findall("[A-Za-z]+", text)) <= {"ABTC"}, text


@pytest.mark.parametrize(("language", "charset"), CHARSETS.items())
def test_no_character_is_of_another_script(language: str, charset: str) -> None:
    """No simplified character among traditional ones, and so on."""
    for text in texts_of(language):
        text.encode(charset)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_sentences_and_fit_a_screen(language: str) -> None:
    """They end as sentences do, and none is much longer than in English."""
    ends = {"zh-Hant": "。", "zh-Hans": "。", "ja": "。", "th": ""}.get(language, ".")
    for text in texts_of(language):
        assert text.endswith(ends)
        assert len(text) <= (90 if language == "en" else 126)


@pytest.mark.parametrize(("language", "word"), STATES)
def test_nobody_is_called_a_country(language: str, word: str) -> None:
    """Members of the scheme are economies."""
    for text in texts_of(language):
        assert word not in text.lower().replace("kewarganegaraan", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_equal_texts_stay_equal_in_translation(language: str) -> None:
    """What English words alike is worded alike, so that officers recognise it."""
    seen: dict[str, str] = {}
    for english, text in zip(texts_of("en"), texts_of(language), strict=True):
        assert seen.setdefault(english, text) == text


def test_old_data_says_nothing_about_the_holder_and_no_list_says_why() -> None:
    """Handbook of screens, section 7: nobody knows why an economy refused."""
    for reason in (
        verifier.UndecidedReason.STATUS_STALE,
        verifier.UndecidedReason.TRUST_STALE,
        verifier.UndecidedReason.CLOCK,
    ):
        assert "nothing about the card or the holder" in (
            verifier.guidance(reason).does_not_say
        )
    for entry in (verifier.EntryReason.WITHDRAWN, verifier.EntryReason.SUSPENDED):
        assert "does not say why" in verifier.guidance(entry).does_not_say


def test_texts_are_read_only_when_they_are_asked_for() -> None:
    """A device starts without reading eleven files."""
    code = (
        "import sys, verifier; assert 'importlib.resources' not in sys.modules;"
        "verifier.guidance(verifier.RejectReason.REVOKED, 'th')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  # our own
