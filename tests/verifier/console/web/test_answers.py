"""Every answer in a real browser: its screen, its shape without colour, its sound."""

import io
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, expect

import verifier
from tests.components import needs
from tests.verifier.console.conftest import Desk
from tests.verifier.console.web.site import PHONE, Site, opened
from verifier.console import training, words

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
LOOKS = {
    "accepted": "Accepted",
    "genuine": "Genuine, not an entry basis",
    "by_hand": "Check by hand",
    "refused": "Do not accept",
    "not_live": "Not a live card",
}
OF_LOOK = {
    "accepted": "entry.cleared",
    "genuine": "entry.withdrawn",
    "by_hand": "proof.stale",
    "refused": "signature.invalid",
    "not_live": "card.foreign",
}
CASES = {each.id: each for each in training.cases()}
ASKED = {
    "passport.not_confirmed": verifier.Look.REFUSED,
    "passport.unchecked": verifier.Look.BY_HAND,
}
"""What the passport's own economy makes of a good card."""
RATE = 16_000


@pytest.fixture(scope="module", name="site")
def page(browser: Browser, new_desk: Callable[[], Desk]) -> Iterator[Site]:
    look: dict[str, Any] = {"viewport": PHONE, "reduced_motion": "reduce"}
    with opened(browser, new_desk(), **look) as site:
        site.begin(imager="keyboard")
        yield site


TRY = """async ([id, isToBeCompared]) => {
  const shown = () => document.body.dataset.screen;
  const until = async (check) => {
    for (const end = performance.now() + 20_000; !check();) {
        if (performance.now() > end) throw new Error(`${check} on ${shown()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  location.hash = "#/training";
  await until(() => shown() === "training" && document.querySelector(".case"));
  document.querySelector(`.case[data-id="${id}"]`).click();
  await until(() => ["compare", "verdict"].includes(shown()));
  const text = (place) => document.querySelector(place)?.textContent ?? null;
  const all = (place) => [...document.querySelectorAll(place)];
  const before = { screen: shown(), word: text(".word") };
  if (shown() === "compare" && isToBeCompared) {
    document.querySelector(".foot .main").click();
    await until(() => shown() === "verdict");
  }
  return {
    before, word: text(".word"), why: text(".why"), act: text(".act"),
    found: text(".found"), said: text(".said[role=alert]"),
    mark: text(".training-mark"),
    shapes: all(".band .shape").map((each) => each.getAttribute("class")),
    marked: all(".check-failed, .check-doubt").map((each) => each.textContent),
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
}"""
"""Goes to a case as a trainee does, in one go: there are more than fifty."""


def answer_to(site: Site, case_id: str, *, compared: bool) -> dict[str, Any]:
    found: dict[str, Any] = site.page.evaluate(TRY, [case_id, compared])
    return found


def verdict_of(site: Site, case_id: str) -> dict[str, Any]:
    return answer_to(site, case_id, compared=True)


@pytest.mark.parametrize("case_id", CASES)
def test_every_reason_code_has_a_screen(site: Site, case_id: str) -> None:
    """The look's word, the code, what to do, and no more than what failed in colour."""
    decision, code = training.decide(case_id), CASES[case_id].code
    look = ASKED.get(code, verifier.look_of(decision)).value
    found = verdict_of(site, case_id)
    is_accepted = isinstance(decision, verifier.Accepted) and code not in ASKED
    assert found["before"]["screen"] == ("compare" if is_accepted else "verdict")
    if is_accepted:
        assert found["before"]["word"] is None, "no verdict before comparing"
    assert found["word"] == LOOKS[look]
    assert found["shapes"] == [f"shape shape-{look}"]
    assert code in found["found"]
    reason = code if code in ASKED else reason_of(decision)
    text = words.words("en")["reasons"][reason]  # type: ignore[index]
    assert (found["why"], found["act"]) == (text["what"], text["do"])
    assert found["said"].startswith(f"{LOOKS[look]}.")
    assert len(found["marked"]) <= (2 if is_accepted else 1)
    if code not in ASKED:  # those are none of the card's own steps
        assert bool(found["marked"]) == (look != "accepted" and not calm(decision))
    assert found["mark"]
    assert found["overflow"] <= 0
    assert site.complaints == []


def reason_of(decision: verifier.Decision) -> str:
    if isinstance(decision, verifier.Accepted):
        return decision.entitlement.entry.reason.value
    return decision.reason.value


def calm(decision: verifier.Decision) -> bool:
    """Nothing failed: the holder needs no clearance."""
    return reason_of(decision) == "entry.not_required"


def shape(site: Site, look: str) -> NDArray[np.float64]:
    """The shape as somebody who sees no colour gets it: 0 is what is darkest."""
    verdict_of(site, OF_LOOK[look])
    expect(site.page.locator(".band")).to_have_css("opacity", "1")
    picture = site.page.locator(".band .shape").screenshot(animations="disabled")
    grey = Image.open(io.BytesIO(picture)).convert("L").resize((64, 64))
    pixels = np.asarray(grey, np.float64)
    low, high = pixels.min(), pixels.max()
    drawn: NDArray[np.float64] = (pixels - low) / (high - low)
    # Bright on dark, or dark on bright: which of both is no part of the shape.
    return drawn if drawn[:3, :3].mean() < 0.5 else 1 - drawn


def test_the_five_looks_differ_without_colour(site: Site) -> None:
    """By shape: of any two, a tenth of all pixels is another, were they all grey."""
    shapes = {look: shape(site, look) for look in LOOKS}
    for one, other in combinations(LOOKS, 2):
        differs = np.mean(np.abs(shapes[one] - shapes[other]) > 0.5)
        assert differs > 0.1, (one, other, differs)


def test_the_words_of_the_five_looks_can_be_read(site: Site) -> None:
    """Text 4.5 to 1, shapes 3 to 1 against what is behind them."""
    for look in LOOKS:
        verdict_of(site, OF_LOOK[look])
        assert site.accessibility() == []


def sound(site: Site, look: str) -> NDArray[np.float64]:
    found = site.page.evaluate(
        "([look, rate]) => import('/sounds.js')"
        ".then(({ samples }) => [...samples(look, rate)])",
        [look, RATE],
    )
    return np.asarray(found, np.float64)


def tones(heard: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """What is between silences of more than 40 ms."""
    loud = np.convolve(np.abs(heard), np.ones(320) / 320, "same") > 0.02
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    return [heard[start:end] for start, end in edges.reshape(-1, 2)]


def pitch(heard: NDArray[np.float64], part: slice) -> float:
    """The strongest frequency of a part, in hertz."""
    cut = heard[part]
    spectrum = np.abs(np.fft.rfft(cut * np.hanning(len(cut)), RATE))
    return float(np.argmax(spectrum))


FIRST, LAST = slice(300, 1_300), slice(-1_300, -300)


def test_sounds_differ_by_ear(site: Site) -> None:
    """One rises, one is two level tones, one three low, one falls long, one is none."""
    assert sound(site, "not_live").size == 0
    heard = {look: tones(sound(site, look)) for look in list(LOOKS)[:4]}
    assert [len(each) for each in heard.values()] == [1, 2, 3, 1]
    (rising,), (falling,) = heard["accepted"], heard["refused"]
    assert pitch(rising, LAST) > 1.5 * pitch(rising, FIRST)
    assert pitch(falling, LAST) < 0.6 * pitch(falling, FIRST)
    assert len(falling) > 2.5 * len(rising)
    for look in ("genuine", "by_hand"):
        for tone in heard[look]:
            assert abs(pitch(tone, FIRST) - pitch(tone, LAST)) < 20
    assert pitch(heard["by_hand"][0], FIRST) < 400 < pitch(heard["genuine"][0], FIRST)
    assert len(heard["by_hand"][0]) > 1.3 * len(heard["genuine"][0])
    assert all(np.abs(sound(site, look)).max() <= 1 for look in list(LOOKS)[:4])


def test_a_sound_comes_after_the_verdict_only(site: Site) -> None:
    """Not at the scan, and not before the officer has compared."""
    site.page.evaluate(
        """() => {
          globalThis.heard = [];
          const start = AudioBufferSourceNode.prototype.start;
          AudioBufferSourceNode.prototype.start = function (...when) {
            heard.push(document.body.dataset.screen);
            return start.apply(this, when);
          };
        }"""
    )
    site.go("settings")
    site.page.get_by_label("Mute").uncheck()
    answer_to(site, "entry.cleared", compared=False)
    site.on("compare")
    assert site.page.evaluate("heard") == []
    site.button("Matches").click()
    site.on("verdict")
    assert site.page.evaluate("heard") == ["verdict"]
    site.go("settings")
    site.page.get_by_label("Mute").check()
    verdict_of(site, "signature.invalid")
    assert site.page.evaluate("heard") == ["verdict"]
