"""The whole story on pictures: issue, publish, carry, sync, photograph, decide.

    python -m examples.demo [--out DIR]

Every card is really signed, every code really drawn, photographed by a simulated camera
and read back. What the economies publish reaches the officers' devices as files on a
stick; from the first sync on the network is blocked. The table says what the officer
sees; the exit status is 1 if any answer or step is not the expected one.

The folder is emptied first if an earlier run has filled it, and refused if anybody else
has.
"""

import argparse
import shutil
import socket
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image

import verifier
from examples.camera import CASUAL, Conditions, photograph
from examples.contact_sheet import Tile, contact_sheet
from examples.story import LOADED_AT, NOW, PUBLISHED_AT, Scene, Step, Story
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
    """Play the story; return 0 if every answer and every step was right."""
    parser = argparse.ArgumentParser(description="Play the ABTC story on pictures.")
    parser.add_argument("--out", type=Path, default=_DEFAULT_OUT)
    out: Path = parser.parse_args(arguments).out
    if not _may_be_emptied(out):
        parser.error(f"{out} is not empty, and not from an earlier run")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    story = Story(out)
    for name, front in story.fronts():
        front.save(out / f"front-{name}.png")
    steps, outcomes = _tell(story, out)
    title = f"ABTC demonstration, {NOW:%-d %B %Y}"
    tiles = [_tile(number, each) for number, each in enumerate(outcomes, start=1)]
    contact_sheet(title, tiles).save(out / _SHEET)
    return _print_sum(steps, outcomes, out)


def _tell(story: Story, out: Path) -> tuple[list[Step], list[Outcome]]:
    """Print what happens while it happens; return it."""
    print(
        f"ABTC demonstration: {PUBLISHED_AT:%A %-d} and {NOW:%A %-d %B %Y}, +08:00\n"
        "Economies publish keys, rules and lists of cards; officers' devices get them "
        "as a file on a stick,\nand decide on every card without a network.\n"
    )
    steps: list[Step] = []
    outcomes: list[Outcome] = []
    for happens in _whole(story):
        if isinstance(happens, Step):
            steps.append(happens)
            _print_step(happens)
            continue
        if not outcomes:
            _print_head()
        outcomes.append(_play(happens, len(outcomes) + 1, out))
        _print_outcome(len(outcomes), outcomes[-1])
    return steps, outcomes


def _whole(story: Story) -> Iterator[Step | Scene]:
    yield from story.publish()
    yield _block_network()
    yield story.load_devices()
    yield from story.scenes()


def _may_be_emptied(out: Path) -> bool:
    """Tell whether a folder is new, empty or ours, so that nothing else is lost."""
    if out == _DEFAULT_OUT or not out.exists():
        return True
    return out.is_dir() and (not any(out.iterdir()) or (out / _SHEET).is_file())


def _block_network() -> Step:
    """From here on this process can open no connection and resolve no name."""

    def refuse(event: str, _: object) -> None:
        if event.startswith("socket."):
            raise PermissionError(f"the demonstration is offline: {event}")

    sys.addaudithook(refuse)
    try:
        socket.getaddrinfo("localhost", 443)
    except PermissionError:
        is_blocked = True
    else:
        is_blocked = False
    return Step(
        at=LOADED_AT,
        text="Network blocked: from here on no connection opens and no name resolves",
        is_expected=is_blocked,
    )


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
    if outcome.decision is None or outcome.reason is None:
        return "No ABTC code in the photograph."
    text = verifier.guidance(outcome.reason)
    parts = [f"{outcome.reason.value}:", text.what, text.do]
    if isinstance(outcome.decision, verifier.Accepted):
        seen = ", ".join(outcome.decision.must_see).replace("_", " ")
        parts.append(f"Still to see: {seen}.")
    parts += [_data_age(outcome.decision), *_ageing(outcome.decision)]
    return " ".join(parts)


def _data_age(decision: verifier.Decision) -> str:
    """Say of when the device's trust data was, how old it is, and what of it is old."""
    now, issued_at = decision.evidence.now, decision.evidence.trust_issued_at
    as_of = f"Data as of {_moment(issued_at.astimezone(now.tzinfo))}"
    minutes = (now - issued_at) // timedelta(minutes=1)
    if minutes < 0:
        return f"{as_of}, ahead of this device's clock."
    if minutes < 60:
        return f"{as_of}, {minutes} min old."
    if minutes < 48 * 60:
        return f"{as_of}, {minutes // 60} h old."
    return f"{as_of}, {minutes // (24 * 60)} days old."


def _ageing(decision: verifier.Decision) -> list[str]:
    """Ask for an update where data is past half of its time and still counts."""
    old = ", ".join(decision.evidence.ageing)
    if not (old and isinstance(decision, verifier.Accepted)):
        return []
    return [f"Past half of its time: {old}; update soon."]


def _keep_pictures(scene: Scene, photo: Image.Image, name: Path) -> Path:
    """Store what was shown and the photograph; return the photograph's file."""
    scene.picture.save(name.with_name(f"{name.name}-shown.png"))
    stored = name.with_name(f"{name.name}-photo.jpg")
    photo.save(stored, quality=88)
    return stored


def _slug(title: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())


_STEP_INDENT: Final = " " * 18
_ROW: Final = "{:>3}  {:<40} {:<4} {:<28} {:<8} {:<18} {:>5} {:>6}"


def _print_step(step: Step) -> None:
    lines = textwrap.wrap(step.text, _WIDTH - len(_STEP_INDENT))
    print(f"{_moment(step.at):<18}{lines[0]}")
    for line in lines[1:]:
        print(f"{_STEP_INDENT}{line}")
    if not step.is_expected:
        print(f"{_STEP_INDENT}WRONG: this is not what should happen")
    print(flush=True)


def _print_head() -> None:
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


def _moment(at: datetime) -> str:
    return f"{at:%a %-d %b %H:%M}"


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


def _print_sum(steps: Sequence[Step], outcomes: Sequence[Outcome], out: Path) -> int:
    answers = [each.is_expected for each in outcomes]
    went = [each.is_expected for each in steps]
    print("-" * _WIDTH)
    print(
        f"{sum(answers)} of {len(answers)} answers and "
        f"{sum(went)} of {len(went)} steps as expected. Pictures: {out}"
    )
    print(f"One page with all photographs: {out / _SHEET}")
    return 0 if all((*answers, *went)) else 1


if __name__ == "__main__":
    sys.exit(main())
