"""Does an imager that plays a keyboard send what is printed? Pure."""

from dataclasses import dataclass

_MOST = 12
"""Pairs told; a wrong layout swaps a handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What came of comparing what was typed with what was scanned."""

    state: str
    """``right``; ``empty``; ``case`` (capitals came as small letters, or the other way
    round); ``cut`` (the end is missing); ``long`` (something follows); ``layout``
    (characters came as others: the keyboard layout); ``other`` (another code)."""
    swapped: tuple[tuple[str, str], ...] = ()
    """Characters as printed, and as they came."""


def compare_typed(typed: str, printed: str) -> Layout:
    """Compare what an imager typed with the code that was shown to it.

    >>> compare_typed("ABTCY", "ABTCZ").swapped
    (('Z', 'Y'),)

    Args:
        typed: What came, without the line end.
        printed: The text of the code.
    """
    if typed == printed:
        return Layout(state="right")
    if not typed:
        return Layout(state="empty")
    if typed.swapcase() == printed or typed.upper() == printed:
        return Layout(state="case")
    if printed.startswith(typed):
        return Layout(state="cut")
    if typed.startswith(printed):
        return Layout(state="long")
    pairs = dict.fromkeys(
        (right, came)
        for right, came in zip(printed, typed, strict=False)
        if right != came
    )
    came_as = dict(pairs)
    is_layout = len(typed) == len(printed) and len(came_as) == len(pairs)
    if not is_layout:
        return Layout(state="other")
    return Layout(state="layout", swapped=tuple(pairs)[:_MOST])
