"""Paging by cursor, forward and back: the address remembers the pages before."""

from dataclasses import dataclass
from typing import Any, Final, Self

from flask import request, url_for

_MOST: Final = 100
"""Pages that the way back remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Where in a list a page begins."""

    after: int | None = None
    """Behind this one; None on the first page."""
    past: tuple[int, ...] = ()
    """Where the pages before began, but for the first."""

    @classmethod
    def read(cls) -> Self:
        """Return what the address says; what is no number counts as not said."""
        after = request.args.get("after", type=int)
        texts = request.args.get("past", "").split(".")[-_MOST:]
        return cls(
            after=after,
            past=tuple(int(t) for t in texts if t.isascii() and t.isdigit()),
        )

    def fields(self) -> dict[str, Any]:
        """Return the cursor as an operation takes it."""
        return {"after": self.after}

    def links(
        self, endpoint: str, following: int | None, **kept: Any
    ) -> dict[str, Any]:
        """Return the addresses of the next page and of the one before."""
        here = () if self.after is None else (*self.past, self.after)
        after = None
        if following is not None:
            after = url_for(endpoint, after=following, past=_join(here), **kept)
        back = None
        if self.after is not None:
            *rest, last = self.past or (None,)
            back = url_for(endpoint, after=last, past=_join(tuple(rest)), **kept)
        return {"next_page": after, "back_page": back}


def _join(cursors: tuple[Any, ...]) -> str | None:
    return ".".join(map(str, cursors)) or None
