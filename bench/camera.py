"""The officer's console with a camera: from the first steady picture to the answer.

A headless browser plays a film as its camera: an empty counter, then a phone held out.
Each trial is another card, proof and seed; what must come of it is decided here, by the
verifier itself. Time counts in the page, from when the first picture of the phone is
presented to when the answer's first screen is there.
"""

import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

import verifier
from bench import report
from examples.camera import CASUAL, Conditions
from tests.components import COMPONENTS
from tests.simulator import NOW, fixed_key
from tests.verifier.console.conftest import WORLD, Desk
from tests.verifier.console.web.site import PHONE, Site, launched, opened
from tests.verifier.console.web.video import STEADY, nothing, phone, pictures, write
from tests.verifier.tuf_repository import Repository

MAX_TIME: Final = 1.0
"""Bar: seconds, in `MIN_SHARE` of the moderate trials."""
MIN_SHARE: Final = 0.95
_TRIALS: Final = 100
_GIVE_UP: Final = 6.0
"""Seconds; a person would have moved the phone."""
_SHOWN: Final = 3.0
"""Seconds of a phone in a film, which then begins anew."""
_LOOK: Final = 0.05
"""Seconds between looks at the screen, which counts its own time."""
_EMPTY: Final = 0.4
"""Seconds of an empty counter before each phone."""
HEAVY: Final[Conditions] = {**CASUAL, "blur": 1.3, "motion": 2.5, "noise": 0.04,
                            "glare": 0.5, "tilt": 16.0}  # fmt: skip
QUALITIES: Final[dict[str, tuple[Conditions, int, int]]] = {
    "steady": (STEADY, 440, 20),
    "moderate": (CASUAL, 400, _TRIALS),
    "heavy": (HEAVY, 400, 40),
    "heavy, small": (HEAVY, 290, 20),
}
"""Conditions, how many camera pixels the phone is wide, and trials."""

# The counter is dark, and the phone's paper white: the middle of the picture tells.
_WATCH: Final = """() => {
  globalThis.trial = { seen: null, shown: null };
  const canvas = document.createElement("canvas");
  const dot = canvas.getContext("2d", { willReadFrequently: true });
  [dot.canvas.width, dot.canvas.height] = [16, 9];
  const look = (video) => video.requestVideoFrameCallback(() => {
    if (!video.isConnected) return;
    dot.drawImage(video, 0, 0, 16, 9);
    const { data } = dot.getImageData(0, 0, 16, 9);
    const bright = data.reduce((sum, value) => sum + value, 0) / data.length;
    globalThis.dark ??= bright;
    if (bright > dark + 8) trial.seen ??= performance.now();
    look(video);
  });
  const wait = setInterval(() => {
    const video = document.querySelector(".stage.live video");
    if (!video) return;
    clearInterval(wait);
    look(video);
  }, 5);
  const change = new MutationObserver(() => {
    if (!["compare", "verdict"].includes(document.body.dataset.screen)) return;
    trial.shown ??= performance.now();
    change.disconnect();
  });
  change.observe(document.body, { attributeFilter: ["data-screen"] });
}"""


class Trial(NamedTuple):
    """What came of one phone."""

    took: float | None
    """Seconds; None if it was never read."""
    is_right: bool
    is_wrong_green: bool


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    if not COMPONENTS["Chromium"].find():
        print("  without Chromium the camera of the console is not measured")
        return
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, _console(Path(folder)) as site:
        film = Path(folder) / "camera.mjpeg"
        for name, (conditions, width, trials) in QUALITIES.items():
            count = max(3, trials // 10) if is_quick else trials
            done = [
                _trial(site, film, number, conditions, width) for number in range(count)
            ]
            figures[name] = _figures(done)
    report.print_table(
        "camera of the console, 1280 x 720: seconds from the first steady picture",
        ("quality", "trials", "read", "median", "p95", "within 1 s", "right",
         "wrong green"),
        [(name, *_row(each)) for name, each in figures.items()],
    )  # fmt: skip
    figures["bars"] = _bars(figures)
    figures["load"] = os.getloadavg()[0]
    report.save("camera", figures, is_quick=is_quick)


@contextmanager
def _console(folder: Path) -> Iterator[Site]:
    repository = Repository(folder / "mirror", WORLD.documents())
    repository.publish()
    store = verifier.TrustStore(folder / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    film = folder / "camera.mjpeg"
    write(film, [([nothing()], 1)])
    with (
        launched(f"--use-file-for-fake-video-capture={film}") as browser,
        opened(
            browser, Desk(folder / "store", folder / "home"), viewport=PHONE
        ) as site,
    ):
        site.begin()
        yield site


def _trial(
    site: Site, film: Path, number: int, conditions: Conditions, width: int
) -> Trial:
    site.go("home")
    site.desk.wait(70)
    site.desk.session.touch()
    code = _code(site, number)
    expected = verifier.look_of(WORLD.verify(code, now=site.desk.now))
    shown = pictures(
        phone(code), width=width, seed=1 + 10 * number, conditions=conditions, count=2
    )
    write(film, [([nothing()], _EMPTY), (shown, _SHOWN)])
    site.page.evaluate(_WATCH)
    site.page.evaluate("location.hash = '#/scan'")
    return _outcome(site, expected)


def _code(site: Site, number: int) -> str:
    """Three good cards in five, an old proof, and one that another phone signed."""
    now = site.desk.now
    card = WORLD.card(document_number=f"A{number:07}")
    if number % 5 == 3:
        return WORLD.show(card, at=now - timedelta(minutes=5))
    if number % 5 == 4:
        return WORLD.show(card, at=now, key=fixed_key("another phone"))
    return WORLD.show(card, at=now)


def _outcome(site: Site, expected: verifier.Look) -> Trial:
    """Wait for an answer, compare as an officer does, and judge what is shown."""
    answered = site.page.locator("body[data-screen=compare], body[data-screen=verdict]")
    for _ in range(round((_GIVE_UP + 3) / _LOOK)):
        if answered.count():
            break
        site.page.wait_for_timeout(1_000 * _LOOK)
    else:
        return Trial(took=None, is_right=True, is_wrong_green=False)
    told = site.page.evaluate("trial")
    if site.page.locator("body[data-screen=compare]").count():
        site.button("Matches").click()
    site.on("verdict")
    found = site.page.locator(".band").get_attribute("class") or ""
    return Trial(
        took=(told["shown"] - (told["seen"] or told["shown"])) / 1_000,
        is_right=f"look-{expected.value}" in found,
        is_wrong_green="look-accepted" in found
        and expected is not verifier.Look.ACCEPTED,
    )


def _figures(done: list[Trial]) -> dict[str, Any]:
    took = sorted(each.took for each in done if each.took is not None)
    return {
        "trials": len(done),
        "read": len(took),
        "median": statistics.median(took) if took else None,
        "p95": float(np.quantile(took, 0.95)) if took else None,
        "within": sum(each <= MAX_TIME for each in took),
        "right": sum(each.is_right for each in done if each.took is not None),
        "wrong_green": sum(each.is_wrong_green for each in done),
    }


def _bars(figures: dict[str, Any]) -> list[dict[str, object]]:
    moderate = figures["moderate"]
    within, trials = moderate["within"], moderate["trials"]
    right = all(each["right"] == each["read"] for each in figures.values())
    wrong = sum(each["wrong_green"] for each in figures.values())
    return [
        report.print_bar(
            f"an answer within {MAX_TIME:.0f} s of the first steady picture",
            is_met=within >= MIN_SHARE * trials,
            says=f"{within} of {trials}, at least {MIN_SHARE:.0%}",
        ),
        report.print_bar(
            "every answer is right, and none is wrongly green",
            is_met=right and wrong == 0,
            says=f"{wrong} wrongly green",
        ),
    ]


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    timed = [f"{each[name]:.2f}" if each[name] else "-" for name in ("median", "p95")]
    counts = Counter({name: each[name] for name in each})
    return (
        f"{counts['trials']}", f"{counts['read']}", *timed, f"{counts['within']}",
        f"{counts['right']}", f"{counts['wrong_green']}",
    )  # fmt: skip
