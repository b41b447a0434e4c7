"""What the pages for applicants say: one file of words for each language."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from flask import request

FALLBACK: Final = "en"


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that there are words in, by their tags."""
    names = (each.name for each in _folder().iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".json")))


@cache
def words(language: str) -> Mapping[str, str]:
    """Return the words of a language by key; places to fill are ``{name}``."""
    text = _folder().joinpath(f"{language}.json").read_text("utf-8")
    return MappingProxyType(json.loads(text))


def say(language: str, key: str, **values: object) -> str:
    """Return a text with its places filled.

    Raises:
        KeyError: No language has it, or a value is missing: a mistake of ours.
    """
    text = words(language).get(key) or words(FALLBACK)[key]
    return text.format_map(values)


def language() -> str:
    """Return the language of a request: the best of those that its browser asks for."""
    return request.accept_languages.best_match(languages(), FALLBACK) or FALLBACK


def w(key: str, **values: object) -> str:
    """Return a text in the language of the request."""
    return say(language(), key, **values)


def _folder() -> resources.abc.Traversable:
    return resources.files("issuer.web.portal").joinpath("words")
