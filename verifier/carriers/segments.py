"""A segment: a tag, and elements of components."""

from dataclasses import dataclass, field
from typing import Self

from ..errors import EdifactError, EdifactFault


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment, such as ``NAD+FL+++DOE:JANE``; equal by what it says.

    Elements and components are counted from 1, as the directories do. Empty ones at an
    end are left out: they say the same as if they were not there.
    """

    tag: str
    """Three of ``A-Z``."""
    elements: tuple[tuple[str, ...], ...] = ()
    position: int = field(default=0, compare=False)
    """Which segment of the interchange it is, from 1; 0 for one that was not read."""

    @classmethod
    def of(cls, tag: str, *elements: str | tuple[str, ...]) -> Self:
        """Make a segment to be written; text stands for an element of one component."""
        parts = [(each,) if isinstance(each, str) else each for each in elements]
        return cls(tag, trimmed(parts))

    def get(self, element: int, component: int = 1) -> str:
        """Return a component; empty text where there is none."""
        if element > len(self.elements):
            return ""
        found = self.elements[element - 1]
        return found[component - 1] if component <= len(found) else ""

    def need(self, element: int, component: int = 1) -> str:
        """Return a component that has to be there.

        Raises:
            EdifactError: It is not.
        """
        value = self.get(element, component)
        if not value:
            raise self.fault(EdifactFault.MISSING, "is empty", element, component)
        return value

    def fault(
        self, fault: EdifactFault, detail: str, element: int = 0, component: int = 0
    ) -> EdifactError:
        """Return the error that names this segment and a place in it."""
        return EdifactError(
            fault,
            detail,
            position=self.position,
            tag=self.tag,
            element=element,
            component=component,
        )


def trimmed(
    elements: list[tuple[str, ...]] | tuple[tuple[str, ...], ...],
) -> tuple[tuple[str, ...], ...]:
    """Return elements without empty components, and empty elements, at their ends."""
    short = [_without_empty_end(each) for each in elements]
    while short and not short[-1]:
        short.pop()
    return tuple(short)


def _without_empty_end(components: tuple[str, ...]) -> tuple[str, ...]:
    end = len(components)
    while end and not components[end - 1]:
        end -= 1
    return components[:end]
