"""A book collects the vectors of one area."""

import re
from typing import Any

from . import world

REASONS_OF_ENTRY = {
    "visa_free": ("entry.cleared", "entry.granted"),
    "not_by_this_card": (
        "entry.form",
        "entry.excluded",
        "entry.lane_only",
        "entry.not_required",
        "entry.withdrawn",
        "entry.suspended",
        "entry.not_cleared",
        "entry.passport_validity",
    ),
    "cannot_tell": (
        "entry.rules_missing",
        "entry.form_unknown",
        "entry.overlay_missing",
        "entry.overlay_stale",
        "entry.overlay_range",
        "entry.overlay_unknown",
        "entry.stay_unknown",
    ),
}
"""Section 9: the answer that each reason goes with."""
REASONS_OF_LANE = {
    "yes": ("lane.open", "lane.cleared"),
    "no": ("lane.form", "lane.excluded", "lane.not_cleared"),
    "unknown": (
        "lane.rules_missing",
        "lane.form_unknown",
        "lane.rules_unknown",
        "lane.clearance_unknown",
    ),
}
STAY = "2030-03-15"
"""60 days from the default moment, the day of arrival counted."""


def rejected(reason: str) -> dict[str, Any]:
    return {"outcome": "rejected", "reason": reason}


def undecided(reason: str) -> dict[str, Any]:
    return {"outcome": "undecided", "reason": reason}


def accepted(
    entry: str = "entry.cleared",
    lane: str = "lane.open",
    stay: str | None = STAY,
    must_see: str = "passport face",
) -> dict[str, Any]:
    """Return the expected acceptance; ``stay`` counts with visa-free only."""
    answer = next(a for a, reasons in REASONS_OF_ENTRY.items() if entry in reasons)
    stay_until = stay if answer == "visa_free" else None
    return {
        "outcome": "accepted",
        "lane": {
            "answer": next(a for a, r in REASONS_OF_LANE.items() if lane in r),
            "reason": lane,
        },
        "entry": {"answer": answer, "reason": entry, "stay_until": stay_until},
        "must_see": must_see.split(),
    }


PHYSICAL = accepted(must_see="plastic_card passport face")
MALFORMED = rejected("card.malformed")


def passport(**changes: Any) -> dict[str, Any]:
    """Return the passport of the default card, as far as it must be read."""
    return world.changed({"country": "AUS", "number": "PA1234567"}, changes)


class Book:
    """The vectors of one area, in order."""

    def __init__(self, area: str) -> None:
        self.area = area
        self.vectors: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        description: str,
        presentation: Any,
        expect: dict[str, Any],
        *,
        spec: str,
        threats: str = "",
        importance: str = "normal",
        now: str = world.moment(world.NOW),
        trust: Any = None,
        policy: dict[str, Any] | None = None,
        passport: dict[str, Any] | None = None,
        challenge: str | None = None,
    ) -> None:
        """Add a decision vector; what is not said is the default.

        Unless the passport was wholly read, an acceptance asks for it.
        """
        read = passport is not None and {"family_name", "birthdate", "expires_on"} <= {
            name for name, value in passport.items() if value is not None
        }
        if expect.get("must_see") == ["face"] and not read:
            expect = expect | {"must_see": ["passport", "face"]}
        self.vectors.append(
            {
                "id": f"{self.area}::{name}",
                "threats": threats.split(),
                "description": description,
                "spec": spec,
                "importance": importance,
                "now": now,
                "presentation": presentation,
                "trust": trust or DEFAULTS["trust"],
                "policy": {"economy": "SGP"} | (policy or {}),
                "passport": passport,
                "challenge": challenge,
                "expect": expect,
            }
        )

    def add_wire(self, name: str, kind: str, description: str, **texts: Any) -> None:
        """Add a vector of packing alone."""
        threats = texts.pop("threats", "").split()
        self.vectors.append(
            {
                "id": f"{self.area}::{name}",
                "kind": kind,
                "threats": threats,
                "description": description,
                "spec": texts.pop("spec", "5"),
            }
            | texts
        )

    def add_challenge(self, name: str, description: str, challenge: str) -> None:
        """Add an officer's code and the challenge that it says."""
        code = f"ABTCQ1:{challenge}"
        texts = {"challenge": challenge, "qr": code, "spec": "3.4"}
        self.add_wire(name, "answerable", description, **texts)

    def add_no_challenge(self, name: str, description: str, code: Any) -> None:
        """Add a text that no phone answers."""
        texts = {"qr": code, "spec": "3.4", "threats": "Q4"}
        self.add_wire(name, "unanswerable", description, **texts)

    def add_unusable(self, name: str, description: str, trust: Any, spec: str) -> None:
        """Add a trust document set that no decision may be taken from."""
        self.vectors.append(
            {
                "id": f"{self.area}::{name}",
                "kind": "unusable",
                "threats": [],
                "description": description,
                "spec": spec,
                "importance": "critical",
                "trust": trust,
            }
        )

    def shorten(self, first: dict[str, str]) -> None:
        """Leave out what is usual, name presentations seen before, fold long runs."""
        for vector in self.vectors:
            for member in ("presentation", "text", "qr"):
                text = vector.get(member)
                if isinstance(text, str):
                    vector[member] = folded(text)
                    if member == "presentation" and len(text) > 80:
                        seen = first.setdefault(text, vector["id"])
                        if seen != vector["id"]:
                            vector[member] = {"of": seen}
            documents = vector.get("trust", {}).get("set", {})
            for name, document in documents.items():
                documents[name] = folded(document) if document else document
            for member, usual in DEFAULTS.items():
                if member in vector and vector[member] == usual:
                    del vector[member]


DEFAULTS: dict[str, Any] = {
    "threats": [],
    "importance": "normal",
    "now": world.moment(world.NOW),
    "trust": {
        "base": "default",
        "version": 1,
        "issued_at": world.moment(world.ISSUED_AT),
        "expires_at": world.moment(world.EXPIRES_AT),
        "time_floor": None,
        "set": {},
    },
    "policy": {"economy": "SGP"},
    "passport": None,
    "challenge": None,
}
"""Members that a vector leaves out when they say this; each file repeats them."""


def folded(text: str) -> Any:
    """Return ``text``, with one long run told as a repetition."""
    run = re.search(r"(.{1,4}?)\1{60,}", text, re.DOTALL)
    if run is None or len(run[0]) < 240:
        return text
    count = len(run[0]) // len(run[1])
    parts = {"before": text[: run.start()], "repeat": [run[1], count]}
    return parts | {"after": text[run.end() :]}
