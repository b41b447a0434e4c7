"""Words of the desk's pages; names of economies are those of the console."""

import json
from functools import cache
from importlib import resources

from .. import words as console


@cache
def languages() -> tuple[str, ...]:
    """Return the languages of the pages, English first."""
    names = {each.name[:-5] for each in _folder().iterdir() if each.is_file()}
    return (console.ENGLISH, *sorted(names - {console.ENGLISH}))


@cache
def words(language: str) -> dict[str, object]:
    """Return all words of a language.

    Raises:
        KeyError: There is no such language.
    """
    if language not in languages():
        raise KeyError(language)
    said = json.loads(_folder().joinpath(f"{language}.json").read_bytes())
    there = language if language in console.languages() else console.ENGLISH
    economies = console.words(there)["economies"]
    # An answer has no reason, so its page needs no words for one.
    return {"ui": said["ui"], "reasons": {}, "economies": economies}


def _folder() -> resources.abc.Traversable:
    return resources.files(__package__).joinpath("words")
