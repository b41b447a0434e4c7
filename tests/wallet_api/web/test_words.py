"""Texts of the web wallet: eleven languages that say the same."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

import wallet_api
from tests.simulator import SCHEME

WEB = Path(wallet_api.__file__).parent / "web"
WORDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted(WEB.glob("words/*.json"))
}
ENGLISH = WORDS["en"]
LANGUAGES = ["en", "es", "id", "ja", "ko", "ms", "ru", "th", "vi", "zh-Hans", "zh-Hant"]
"""Handbook of screens, section 8."""
PLACE = re.compile(r"\{\w+\}")
BUILT = re.compile(r"`([a-z_.]*)\$\{[^}]*\}([a-z_.]*)`")
NAMED = re.compile(r'"([a-z_]+(?:\.[a-z0-9_]+)+|back|cancel|again)"')


def test_there_are_eleven_languages() -> None:
    """And the page offers the same ones."""
    assert list(WORDS) == LANGUAGES
    offered = (WEB / "words.js").read_text("utf-8").split("LANGUAGES = ")[1]
    listed = offered.split("});")[0]
    assert all(f'"{each}"' in listed or f"  {each}:" in listed for each in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_with_its_places(language: str) -> None:
    """Nobody meets a gap, or a name that is missing from its sentence."""
    texts = WORDS[language]
    assert list(texts) == list(ENGLISH)
    for key, english in ENGLISH.items():
        found = Counter(PLACE.findall(texts[key]))
        assert found == Counter(PLACE.findall(english)), key
        assert texts[key].strip() == texts[key] != "", key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_forgotten_in_english(language: str) -> None:
    """Only names may be the same in two languages."""
    if language == "en":
        return
    same = [key for key, text in WORDS[language].items() if text == ENGLISH[key]]
    free = ("economy.", "home.news.line", "trip.result", "trip.no", "trip.answer.no")
    assert [key for key in same if not key.startswith(free)] == []


def test_economies_have_their_apec_names() -> None:
    """In English exactly those of the scheme."""
    named = {key[8:]: text for key, text in ENGLISH.items() if key[:8] == "economy."}
    assert named == {code: each.name for code, each in SCHEME.economies.items()}


@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "country"), ("es", "país"), ("id", "negara"), ("ms", "negara"),
     ("ru", "стран"), ("vi", "quốc gia"), ("zh-Hans", "国家"), ("zh-Hant", "國家"),
     ("ja", "国家"), ("ko", "국가"), ("th", "ประเทศ")],
)  # fmt: skip
def test_nobody_is_called_a_country(language: str, word: str) -> None:
    """Members of the scheme are economies."""
    for key, text in WORDS[language].items():
        plain = text.lower().replace("страниц", "").replace("kewarganegaraan", "")
        assert word not in plain, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_w14_no_text_has_markup_or_hidden_controls(language: str) -> None:
    """Texts are shown as they are."""
    for key, text in WORDS[language].items():
        assert not re.search(r"[<>&\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text), key


def test_every_text_is_used_and_every_use_has_a_text() -> None:
    """A key that is put together counts for all that begin and end like it."""
    sources = [*WEB.glob("*.js"), *WEB.glob("screens/*.js")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    built = [
        re.compile(re.escape(first) + r"[a-z_0-9.]+" + re.escape(last))
        for first, last in BUILT.findall(code)
        if first
    ]
    titles = {f"{name}.title" for name in re.findall(r'"([a-z]+)"', code)}
    named = set(NAMED.findall(code)) | titles
    unused = [
        key
        for key in ENGLISH
        if key not in named
        and not key.startswith(("economy.", "error."))
        and not any(each.fullmatch(key) for each in built)
    ]
    assert unused == []
    keys = set(re.findall(r'\bt\("([^"]+)"', code))
    keys |= set(re.findall(r'title: "([^"]+)"', code))
    assert sorted(keys - set(ENGLISH)) == []


def test_every_error_has_what_to_do() -> None:
    """What happened, and what to do about it."""
    code = (WEB / "app.js").read_text("utf-8")
    errors = set(re.findall(r'"(error\.[a-z_]+)"', code))
    errors |= {"error.offer_unreadable", "error.offer_elsewhere"}
    desks = (WEB / "phone/asked.js").read_text("utf-8").split("@param {", 2)[1]
    whys = re.findall(r'"([a-z]+)"', desks.partition("}")[0])
    errors |= {f"error.desk_{why}" for why in whys}
    named = {key for key in ENGLISH if key.startswith("error.")}
    assert named == errors | {f"{key}.do" for key in errors - {"error.store.do"}}
