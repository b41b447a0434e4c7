"""Which designs there are, which is in force, and which may still be in use."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from issuer.dated import require_aware
from issuer.errors import DesignError
from issuer.plastic.design import Design

_MAX_FILE: Final = 2**18
_MAX_FILES: Final = 512


class DesignRegistry:
    """Every design that an installation knows, also those of the past.

    >>> from datetime import UTC, datetime
    >>> registry = DesignRegistry.load()
    >>> registry.in_force("NZL", datetime(2030, 1, 15, tzinfo=UTC)).id
    'plain-2026'
    """

    def __init__(self, designs: Mapping[str, tuple[str, Design]]) -> None:
        self._designs = MappingProxyType(dict(designs))

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read every ``.toml`` file of a folder, by default of the package's own.

        Raises:
            DesignError: A file cannot be read or is no design (`Design.from_toml`),
                two have one id, two for the same economy hold at the same moment, or
                there is none at all.
        """
        packaged = resources.files("issuer.plastic") / "designs"
        return cls.from_texts(dict(_read_all(folder or packaged)))

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Read designs from the texts of files by their names.

        Raises:
            DesignError: As for `load`.
        """
        designs: dict[str, tuple[str, Design]] = {}
        for file, text in sorted(texts.items()):
            design = Design.from_toml(text, file=file)
            if design.id in designs:
                reason = f"is also that of {designs[design.id][0]}"
                raise DesignError(file=file, key="id", reason=reason)
            designs[design.id] = file, design
        if not designs:
            raise DesignError(reason="there are no designs")
        _check_times(designs.values())
        return cls(designs)

    def __iter__(self) -> Iterator[Design]:
        return (design for _, design in self._designs.values())

    def get(self, design_id: str) -> Design:
        """Return one design by its id.

        Raises:
            DesignError: There is none of this id.
        """
        try:
            return self._designs[design_id][1]
        except KeyError as error:
            raise DesignError(reason=f"no design has the id {design_id!r}") from error

    def in_force(self, economy: str, at: datetime) -> Design:
        """Return the design for cards that an economy personalises at a moment.

        The economy's own comes before one that any economy may use.

        Args:
            economy: Alpha-3 code of the issuing economy.
            at: Moment of personalisation; timezone-aware.

        Raises:
            DesignError: None is in force.
            ValueError: ``at`` is naive.
        """
        at = require_aware(at)
        for wanted in (economy, None):
            for design in self:
                if design.economy == wanted and _holds(design, at):
                    return design
        reason = f"no design is in force for {economy} at {at.isoformat()}"
        raise DesignError(reason=reason)

    def in_use(
        self, economy: str, at: datetime, *, issued_since: datetime
    ) -> tuple[Design, ...]:
        """List the designs that an officer may meet on an economy's good cards.

        Args:
            economy: Alpha-3 code of the issuing economy.
            at: The moment asked about; timezone-aware.
            issued_since: When the oldest cards that are still good at ``at`` were
                personalised, such as ``at`` less the term of a card; timezone-aware.

        Returns:
            Newest first; designs of the economy's own and for any, as far as at some
            moment from ``issued_since`` to ``at`` they were in force.

        Raises:
            ValueError: A moment is naive.
        """
        at, issued_since = require_aware(at), require_aware(issued_since)
        moments = {issued_since, at} | {
            moment
            for design in self
            for moment in (design.starts_at, design.ends_at)
            if moment and issued_since <= moment <= at
        }
        found: dict[str, Design] = {}
        for moment in sorted(moments, reverse=True):
            try:
                design = self.in_force(economy, moment)
            except DesignError:
                continue
            found[design.id] = design
        return tuple(found.values())


def _holds(design: Design, at: datetime) -> bool:
    return not (design.starts_at and at < design.starts_at) and not (
        design.ends_at and at >= design.ends_at
    )


def _check_times(designs: Iterable[tuple[str, Design]]) -> None:
    for (first_file, first), (file, second) in combinations(designs, 2):
        if first.economy == second.economy and first.overlaps(second):
            whose = second.economy or "any economy"
            reason = f"overlaps {first.id} in {first_file}, also for {whose}"
            raise DesignError(file=file, key="from", reason=reason)


def _read_all(folder: Path | Traversable) -> Iterator[tuple[str, str]]:
    try:
        files = [each for each in folder.iterdir() if each.name.endswith(".toml")]
    except OSError as error:
        raise DesignError(file=str(folder), reason="cannot be read") from error
    if len(files) > _MAX_FILES:
        reason = f"holds more than {_MAX_FILES} designs"
        raise DesignError(file=str(folder), reason=reason)
    for file in files:
        try:
            # A pipe or a device could block for ever.
            data = file.read_bytes() if file.is_file() else b"\xff"
            text = data.decode() if len(data) <= _MAX_FILE else ""
        except (OSError, ValueError) as error:
            reason = "cannot be read as UTF-8 text"
            raise DesignError(file=file.name, reason=reason) from error
        if not text:
            reason = f"is empty or larger than {_MAX_FILE} bytes"
            raise DesignError(file=file.name, reason=reason)
        yield file.name, text
