"""Words of the guide, ``words/<language>.json``, and names of economies."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from ...guidance import Guidance

NAMES: Final = MappingProxyType(
    {
        "en": "English",
        "zh-Hant": "繁體中文",
        "zh-Hans": "简体中文",
        "ja": "日本語",
        "ko": "한국어",
        "id": "Bahasa Indonesia",
        "ms": "Bahasa Melayu",
        "th": "ไทย",
        "vi": "Tiếng Việt",
        "es": "Español",
        "ru": "Русский",
    }
)
"""Languages of the guide, each as its readers call it."""


@cache
def words_of(language: str) -> Mapping[str, str]:
    """Return the words of the guide.

    Raises:
        KeyError: There is no such language.
    """
    return MappingProxyType(json.loads(_text(language, __package__)))


def names_of(language: str) -> Mapping[str, str]:
    """Return the names of economies, by code.

    Raises:
        KeyError: There is no such language.
    """
    return MappingProxyType(_console(language)["economies"])


def reasons_of(language: str) -> Mapping[str, Guidance]:
    """Return the texts of the console's own reason codes.

    Raises:
        KeyError: There is no such language.
    """
    rows = _console(language)["reasons"].items()
    texts = {code: Guidance(row["what"], row["do"], row["not"]) for code, row in rows}
    return MappingProxyType(texts)


@cache
def _console(language: str) -> Mapping[str, Any]:
    read: dict[str, Any] = json.loads(_text(language, __package__.rpartition(".")[0]))
    return MappingProxyType(read)


def day(moment: datetime, words: Mapping[str, str]) -> str:
    """Return a day and, where it is not midnight, the time of day, in UTC."""
    month = words["months"].split("|")[moment.month - 1]
    said = words["date"].format(day=moment.day, month=month, year=moment.year)
    return f"{said} {moment:%H:%M} UTC" if moment.hour or moment.minute else said


def _text(language: str, package: str) -> str:
    if language not in NAMES:
        raise KeyError(language)
    return resources.files(package).joinpath("words", f"{language}.json").read_text()
