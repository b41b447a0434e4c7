"""Words of the console: its own, those of the reason codes, and names of economies.

``words/<lang>.json`` in this folder has ``ui``, and may have ``reasons`` (of the
console's own codes) and ``economies``.
"""

import json
from functools import cache
from importlib import resources
from typing import Final

from ..guidance import guidance, guidance_languages
from ..reasons import EntryReason, LaneReason, RejectReason, UndecidedReason

ENGLISH: Final = "en"
_FOLDER: Final = "words"


@cache
def languages() -> tuple[str, ...]:
    """Return the languages of the pages, English first."""
    folder = resources.files(__package__).joinpath(_FOLDER)
    found = [ENGLISH]
    if folder.is_dir():
        names = sorted(each.name for each in folder.iterdir())
        found += [name[:-5] for name in names if name.endswith(".json")]
    return tuple(dict.fromkeys(found))


@cache
def words(language: str) -> dict[str, object]:
    """Return all words of a language.

    Raises:
        KeyError: There is no such language.
    """
    if language not in languages():
        raise KeyError(language)
    file = resources.files(__package__).joinpath(_FOLDER, f"{language}.json")
    said = json.loads(file.read_bytes()) if file.is_file() else {}
    return {
        "ui": said.get("ui", {}),
        "reasons": _reasons(language) | said.get("reasons", {}),
        "economies": said.get("economies", {}),
    }


def _reasons(language: str) -> dict[str, dict[str, str]]:
    spoken = language if language in guidance_languages() else ENGLISH
    kinds = (RejectReason, UndecidedReason, EntryReason, LaneReason)
    texts = {
        reason.value: guidance(reason, spoken) for kind in kinds for reason in kind
    }
    return {
        code: {"what": text.what, "do": text.do, "not": text.does_not_say}
        for code, text in texts.items()
    }
