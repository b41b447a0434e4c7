"""The whole story on pictures: issue, show, photograph, decode, decide.

    python -m examples.demo [--out DIR]

Every card is really signed, every code really drawn, photographed by a simulated camera
and read back, and every decision is made with the network blocked. The table says what
the officer sees; the exit status is 1 if any answer is not the expected one.

The folder is emptied first if an earlier run has filled it, and refused if anybody else
has.
"""

import argparse
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

import verifier
from examples.camera import CASUAL, Conditions, photograph
from examples.contact_sheet import Tile, contact_sheet
from examples.story import NOW, Scene, Story
from verifier.scan import read_codes

GREEN, BLUE, AMBER, RED = "#1f7a3d", "#1d5fa8", "#a86400", "#b3261e"
GREY: Final = "#5f6368"
_NOT_LIVE: Final = {"card.foreign", "card.malformed", "card.test"}
_DEFAULT_OUT: Final = Path("build/demo")
_SHEET: Final = "contact-sheet.png"
"""Written last, and the mark by which a folder of an earlier run is known."""
_WIDTH: Final = 118
_PHONE_WIDTH, _CARD_WIDTH = 400, 1040
"""Camera pixels that a phone's screen and a plastic card cover in a photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the device said of one photograph, and how long it took."""

    scene: Scene
    photo: Image.Image
    decision: verifier.Decision | None
    """None if no ABTC code was found in the photograph."""
    scan_ms: float
    decide_ms: float

    @property
    def reason(self) -> verifier.Reason | None:
        """The one code that the officer's screen shows first."""
        if isinstance(self.decision, verifier.Accepted):
            return self.decision.entitlement.entry.reason
        return None if self.decision is None else self.decision.reason

    @property
    def is_expected(self) -> bool:
        """Whether the device gave the right answer."""
        return self.reason == self.scene.expect


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the story; return 0 if every answer was right."""
    parser = argparse.ArgumentParser(description="Play the ABTC story on pictures.")
    parser.add_argument("--out", type=Path, default=_DEFAULT_OUT)
    out: Path = parser.parse_args(arguments).out
    if not _may_be_emptied(out):
        parser.error(f"{out} is not empty, and not from an earlier run")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    story = Story(out / "keys")
    for name, front in story.fronts():
        front.save(out / f"front-{name}.png")
    _block_network()
    _print_head()
    outcomes = []
    for number, scene in enumerate(story.scenes(), start=1):
        outcomes.append(_play(scene, number, out))
        _print_outcome(number, outcomes[-1])
    title = f"ABTC demonstration, {NOW:%-d %B %Y}"
    tiles = [_tile(number, each) for number, each in enumerate(outcomes, start=1)]
    contact_sheet(title, tiles).save(out / _SHEET)
    return _print_sum(outcomes, out)


def _may_be_emptied(out: Path) -> bool:
    """Tell whether a folder is new, empty or ours, so that nothing else is lost."""
    if out == _DEFAULT_OUT or not out.exists():
        return True
    return out.is_dir() and (not any(out.iterdir()) or (out / _SHEET).is_file())


def _block_network() -> None:
    """From here on this process can open no connection and resolve no name."""

    def refuse(event: str, _: object) -> None:
        if event.startswith("socket."):
            raise PermissionError(f"the demonstration is offline: {event}")

    sys.addaudithook(refuse)


def _play(scene: Scene, number: int, out: Path) -> Outcome:
    photo = _photograph(scene, seed=number)
    stored = _keep_pictures(scene, photo, out / f"{number:02}-{_slug(scene.title)}")
    started = time.perf_counter()
    codes = read_codes(stored)
    scanned = time.perf_counter()
    decision = _decide(scene, codes[0]) if codes else None
    decided = time.perf_counter()
    return Outcome(
        scene=scene,
        photo=photo,
        decision=decision,
        scan_ms=(scanned - started) * 1000,
        decide_ms=(decided - scanned) * 1000,
    )


def _photograph(scene: Scene, seed: int) -> Image.Image:
    conditions: Conditions = {**CASUAL}
    conditions["background"] = "cloth" if seed % 3 == 0 else "desk"
    if not scene.is_phone:
        conditions["screen_grid"] = 0.0
    return photograph(
        scene.picture,
        width=_PHONE_WIDTH if scene.is_phone else _CARD_WIDTH,
        seed=seed,
        phone=scene.is_phone,
        **conditions,
    )


def _decide(scene: Scene, code: str) -> verifier.Decision:
    decision = verifier.verify(
        code,
        trust=scene.trust,
        policy=verifier.Policy(economy=scene.at),
        expected_passport=scene.passport,
        expected_challenge=None,
        now=scene.now,
    )
    return decision if scene.guard is None else scene.guard.check(decision)


def _look(outcome: Outcome) -> tuple[str, str]:
    """Return the verdict's word and colour."""
    match outcome.decision:
        case verifier.Accepted(entitlement=found):
            return {
                verifier.EntryAnswer.VISA_FREE: ("ACCEPTED", GREEN),
                verifier.EntryAnswer.NOT_BY_THIS_CARD: (
                    "GENUINE, NOT AN ENTRY BASIS",
                    BLUE,
                ),
                verifier.EntryAnswer.CANNOT_TELL: ("CHECK BY HAND", AMBER),
            }[found.entry.answer]
        case verifier.Undecided():
            return "CHECK BY HAND", AMBER
        case verifier.Rejected(reason) if reason not in _NOT_LIVE:
            return "DO NOT ACCEPT", RED
        case _:
            return "NOT A LIVE CARD", GREY


def _lane_and_entry(outcome: Outcome) -> tuple[str, str]:
    if not isinstance(outcome.decision, verifier.Accepted):
        return "-", "-"
    found = outcome.decision.entitlement
    entry = {
        verifier.EntryAnswer.VISA_FREE: "visa-free",
        verifier.EntryAnswer.NOT_BY_THIS_CARD: "not by card",
        verifier.EntryAnswer.CANNOT_TELL: "cannot tell",
    }[found.entry.answer]
    if found.entry.stay_until:
        entry = f"until {found.entry.stay_until:%-d %b %Y}"
    return found.lane.answer.value, entry


def _guidance(outcome: Outcome) -> str:
    if outcome.reason is None:
        return "No ABTC code in the photograph."
    text = verifier.guidance(outcome.reason)
    parts = [f"{outcome.reason.value}:", text.what, text.do]
    if isinstance(outcome.decision, verifier.Accepted):
        seen = ", ".join(outcome.decision.must_see).replace("_", " ")
        parts.append(f"Still to see: {seen}.")
    return " ".join(parts)


def _keep_pictures(scene: Scene, photo: Image.Image, name: Path) -> Path:
    """Store what was shown and the photograph; return the photograph's file."""
    scene.picture.save(name.with_name(f"{name.name}-shown.png"))
    stored = name.with_name(f"{name.name}-photo.jpg")
    photo.save(stored, quality=88)
    return stored


def _slug(title: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())


_ROW: Final = "{:>3}  {:<40} {:<4} {:<28} {:<8} {:<18} {:>5} {:>6}"


def _print_head() -> None:
    print(f"ABTC demonstration: {NOW:%A %-d %B %Y, %H:%M} (+08:00), network blocked")
    print()
    titles = ("What the officer is shown", "At", "Verdict", "Lane", "Entry")
    print(_ROW.format("", *titles, "Scan", "Decide"))
    print(_ROW.format("", "", "", "", "", "", "ms", "ms"))
    print("-" * _WIDTH)


def _print_outcome(number: int, outcome: Outcome) -> None:
    times = (f"{outcome.scan_ms:.0f}", f"{outcome.decide_ms:.2f}")
    row = (outcome.scene.title, outcome.scene.at, _look(outcome)[0])
    print(_ROW.format(number, *row, *_lane_and_entry(outcome), *times))
    print(textwrap.indent(textwrap.fill(_guidance(outcome), _WIDTH - 5), " " * 5))
    if not outcome.is_expected:
        print(f"     WRONG: expected {outcome.scene.expect}")
    print(flush=True)


def _tile(number: int, outcome: Outcome) -> Tile:
    word, colour = _look(outcome)
    reason = outcome.reason.value if outcome.reason else "no code"
    return Tile(
        photo=outcome.photo,
        number=number,
        title=outcome.scene.title,
        word=word,
        detail=f"at {outcome.scene.at}: {reason}",
        colour=colour,
    )


def _print_sum(outcomes: Sequence[Outcome], out: Path) -> int:
    wrong = [each for each in outcomes if not each.is_expected]
    right = len(outcomes) - len(wrong)
    print("-" * _WIDTH)
    print(f"{right} of {len(outcomes)} answers as expected. Pictures: {out}")
    print(f"One page with all photographs: {out / _SHEET}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
