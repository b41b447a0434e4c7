"""Letters of a size, and how a text is made to fit into its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from issuer.plastic.sheet import font

DPI: Final = 600
LEADING: Final = 1.16
"""From one line to the next, in sizes of the letters."""
_SMALLEST: Final = 4.0
"""Points of the smallest letters that a long name may get."""
_STEP: Final = 0.25


class Letters:
    """A font at a size in points."""

    def __init__(self, name: str, points: float) -> None:
        self.name = name
        self.points = points
        self.pixels = points * DPI / 72
        self.font = font(name, self.pixels)

    def width(self, text: str) -> float:
        """Return the width of a line in pixels."""
        return self.font.getlength(text)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text in letters in which it fits."""

    text: str
    letters: Letters


class Fitting:
    """Finds the largest letters in which a text fits into a box."""

    def __init__(self, letters: Letters, width: int, height: int, lines: int) -> None:
        self._letters = letters
        self._width, self._height, self._lines = width, height, lines

    def fit(self, text: str) -> list[Line]:
        """Return the lines.

        One line in slightly smaller letters looks better than two, and two better
        than very small letters; a word is broken only where nothing else helps.

        Raises:
            ValueError: It does not fit.
        """
        for letters, lines in self._tries(text):
            fits = all(letters.width(line) <= self._width for line in lines)
            high = len(lines) * letters.pixels * LEADING
            if fits and (high <= self._height or len(lines) == 1):
                return [Line(line, letters) for line in lines]
        raise ValueError("does not fit into its place on the card")

    def _tries(self, text: str) -> Iterator[tuple[Letters, list[str]]]:
        sizes = list(self._sizes())
        for letters in sizes:
            if letters.points >= 0.8 * self._letters.points:
                yield letters, [text]
        for letters in sizes:
            lines = _wrap(text, letters, self._width)
            if len(lines) <= self._lines:
                yield letters, lines
        for letters in sizes:
            lines = _break(text, letters, self._width)
            if len(lines) <= self._lines:
                yield letters, lines

    def _sizes(self) -> Iterator[Letters]:
        points = self._letters.points
        while points >= _SMALLEST:
            yield Letters(self._letters.name, points)
            points -= _STEP


def _wrap(text: str, letters: Letters, width: int) -> list[str]:
    """Fill lines with whole words; a single one may still be too wide."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and letters.width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _break(text: str, letters: Letters, width: int) -> list[str]:
    """Fill lines with letters, wherever that breaks words."""
    lines = [""]
    for letter in text:
        if lines[-1] and letters.width(lines[-1] + letter) > width:
            lines.append("")
        lines[-1] += letter
    return [line.strip() for line in lines]
