"""Why an officer opens a record: by the list it stood on, or in their own words."""

from types import MappingProxyType
from typing import Final

from flask import request, session

_WHY: Final = "why"
_MAX: Final = 500
FROM: Final = MappingProxyType(
    {
        "draft": "Working through the drafts",
        "submitted": "Working through what was submitted",
        "home_review": "Reviewing applications",
        "home_approved": "Circulating approved applications",
        "list": "Looking through the applications",
        "search": "Answering an applicant's question",
        "incoming": "Working through incoming requests",
        "hits": "Settling hits on the watch list",
        "overdue": "Following up overdue replies",
        "bulk": "Checking a bulk change",
    }
)
"""By the list that a link stands on."""


def reason() -> str:
    """Return why this record is opened: as the officer said, or by where it stood."""
    origin = request.args.get("from", "")
    said = session.get(_WHY) if origin == "search" else None
    return said or FROM.get(origin, FROM["list"])


def remember(said: str) -> None:
    """Keep what the officer said for what is opened from a search."""
    session[_WHY] = said[:_MAX]
