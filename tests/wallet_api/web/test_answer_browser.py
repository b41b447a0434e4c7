"""Answering an officer, in a real browser with a camera that is fed by a video."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, expect

import verifier
from examples.camera import photograph
from issuer.plastic.codes import qr_image
from tests.components import needs, path_of
from tests.issuer.web.chromium import launched
from tests.simulator import NOW
from tests.wallet_api.web.site import Site, opened
from tests.wallet_api.web.test_wallet_browser import (
    FACTS,
    PHONE,
    TABLET,
    WORLD,
    card,
    check,
    made_at,
    renewed,
    scanned,
)
from wallet_api.holder import claims_of

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
CHALLENGE = "kZ2mV4pQ9xT1bN7cW5rY8A"
OTHER = "8AkZ2mV4pQ9xT1bN7cW5rY"
CAMERA = ["camera"]
MENU = "https://menu.example/eat"


def seen(*texts: str) -> Image.Image:
    """What stands before the camera: codes beside each other."""
    codes = [qr_image(each, module_pixels=8, error_correction="Q") for each in texts]
    scene = Image.new("L", (400 * len(codes), 400), 255)
    for at, code in enumerate(codes):
        scene.paste(code, (400 * at + 40, 40))
    return scene


@cache
def photo(*texts: str, seed: int = 0) -> bytes:
    """One picture of a phone's camera, held by hand."""
    taken = photograph(
        seen(*texts), width=600, seed=seed, frame=(1280, 720), tilt=10, turn=6,
        blur=1.2, noise=0.02, shade=0.2, glare=0.2,
    )  # fmt: skip
    file = io.BytesIO()
    taken.save(file, "JPEG", quality=85)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Lens:
    """The browser's camera: it plays what is put before it when it is switched on."""

    browser: Browser
    video: Path

    def look_at(self, *texts: str) -> None:
        self.video.write_bytes(photo(*texts) + photo(*texts, seed=1))


@pytest.fixture(scope="module", name="lens")
def with_camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    video = tmp_path_factory.mktemp("camera") / "officer.mjpeg"
    video.write_bytes(photo(MENU))
    with launched(
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
        path=path_of("Chromium"),  # without windows it gives no page a camera by name
    ) as browser:
        yield Lens(browser, video)


def started(site: Site) -> None:
    site.open()
    site.give_card(card, facts=FACTS)
    site.open("#/show/card-1")
    site.page.get_by_role("link", name="The officer shows me a code").click()


def answered(site: Site) -> None:
    """The holder sees what was read, and says yes."""
    expect(site.page.locator("h1")).to_have_text("Answer this code?")
    site.page.get_by_role("button", name="Answer").click()
    expect(site.page.locator("h1")).to_have_text("Show this answer to the officer")
    expect(site.page.locator("canvas[data-issued]")).to_be_visible()


def reason(decision: verifier.Decision) -> str:
    assert not isinstance(decision, verifier.Accepted)
    return decision.reason.value


def test_k4_what_the_camera_read_is_answered_and_only_that(lens: Lens) -> None:
    """The whole way, photographed at its end; and what else the device may see."""
    lens.look_at(verifier.challenge_text(CHALLENGE))
    with opened(lens.browser, now=NOW, viewport=PHONE, permissions=CAMERA) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.page.get_by_role("link", name="Show code").click()
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()
        ordinary = WORLD.verify(scanned(site), now=made_at(site), challenge=CHALLENGE)
        assert reason(ordinary) == "proof.challenge"
        site.page.get_by_role("link", name="The officer shows me a code").click()
        expect(site.page.get_by_text(f"•••• {CHALLENGE[-4:]}")).to_be_visible()
        answered(site)
        code, now = scanned(site), made_at(site)
        accepted = WORLD.verify(code, now=now, challenge=CHALLENGE)
        assert isinstance(accepted, verifier.Accepted)
        assert reason(WORLD.verify(code, now=now, challenge=OTHER)) == "proof.nonce"
        assert reason(WORLD.verify(code, now=now)) == "proof.nonce"
        assert site.complaints == []


def test_k5_an_answer_renews_and_ends_after_ninety_seconds(lens: Lens) -> None:
    """Then the ordinary code is back, and nothing leads to the answer again."""
    lens.look_at(verifier.challenge_text(CHALLENGE))
    with opened(lens.browser, now=NOW, viewport=PHONE, permissions=CAMERA) as site:
        started(site)
        answered(site)
        began, first = made_at(site), scanned(site)
        site.page.clock.run_for(11_000)
        renewed(site, began)
        later, second = made_at(site), scanned(site)
        assert second != first
        assert later - began >= timedelta(seconds=10)
        decision = WORLD.verify(second, now=later, challenge=CHALLENGE)
        assert isinstance(decision, verifier.Accepted)
        site.page.clock.run_for(80_000)
        expect(site.page.locator("h1")).to_have_text("Show this code to the officer")
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()
        decision = WORLD.verify(scanned(site), now=made_at(site))
        assert isinstance(decision, verifier.Accepted)
        site.follow("activity")
        happened = site.page.locator(".rows strong")
        expect(happened).to_have_text(["Code shown", "Officer's code answered",
                                       "Code shown"])  # fmt: skip
        lens.look_at(MENU)  # the officer's screen has gone
        site.page.evaluate("location.hash = '#/reply/card-1'")
        expect(site.page.locator("h1")).to_have_text("Answer an officer")


def test_q4_a_foreign_code_is_said_to_be_one_and_opens_nothing(lens: Lens) -> None:
    """Beside an officer's code it hinders nothing; the camera is let go of."""
    lens.look_at(MENU)
    with opened(lens.browser, now=NOW, viewport=PHONE, permissions=CAMERA) as site:
        asked: list[str] = []
        site.page.on("request", lambda request: asked.append(request.url))
        started(site)
        expect(site.page.get_by_role("alert")).to_contain_text(
            "This is not an officer's code"
        )
        assert [url for url in asked if "menu" in url] == []
        assert "menu" not in site.page.content()
        site.page.evaluate(
            "window.track = document.querySelector('video').srcObject.getTracks()[0]"
        )
        site.page.get_by_role("link", name="My code").click()
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()
        assert site.page.evaluate("track.readyState") == "ended"
        lens.look_at(MENU, verifier.challenge_text(CHALLENGE))
        site.page.get_by_role("link", name="The officer shows me a code").click()
        expect(site.page.locator("h1")).to_have_text("Answer this code?")
        site.page.get_by_role("button", name="Scan again").click()
        expect(site.page.locator("h1")).to_have_text("Answer this code?")


def test_w13_an_officer_is_answered_with_the_server_stopped(lens: Lens) -> None:
    """The reader of codes is kept on the phone like everything else."""
    lens.look_at(verifier.challenge_text(CHALLENGE))
    with opened(lens.browser, viewport=PHONE, permissions=CAMERA) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.ready_offline()
        site.stop()
        site.page.close()
        site.page = site.context.new_page()
        site.open()
        site.page.get_by_role("link", name="Show code").click()
        site.page.get_by_role("link", name="The officer shows me a code").click()
        answered(site)
        proof = claims_of(verifier.unpack(scanned(site)).split("~")[1])
        assert proof["nonce"] == CHALLENGE


def picture(*texts: str) -> FilePayload:
    body = photo(*texts) if texts else b"no picture"
    return {"name": "code.jpg", "mimeType": "image/jpeg", "buffer": body}


def test_without_a_camera_a_picture_is_chosen(lens: Lens) -> None:
    """What to do is said; a picture without an officer's code is said to be none."""
    with opened(lens.browser, now=NOW, viewport=PHONE) as site:
        started(site)
        said = site.page.get_by_role("alert")
        expect(said).to_contain_text("The camera cannot be used")
        expect(site.page.get_by_role("button", name="Try again")).to_be_visible()
        file = site.page.locator("input[type=file]")
        file.set_input_files(picture())
        expect(said).to_contain_text("No code was found in this picture")
        file.set_input_files(picture(MENU))
        expect(said).to_contain_text("This is not an officer's code")
        with site.page.expect_file_chooser() as chooser:
            site.page.get_by_role("button", name="Choose a picture instead").click()
        chooser.value.set_files(picture(verifier.challenge_text(CHALLENGE)))
        answered(site)
        code = scanned(site)
        decision = WORLD.verify(code, now=made_at(site), challenge=CHALLENGE)
        assert isinstance(decision, verifier.Accepted)


def test_k4_no_link_makes_a_phone_answer(lens: Lens) -> None:
    """A challenge comes from a picture that the holder takes, and from nowhere else."""
    links = {
        f"#ABTCQ1:{CHALLENGE}": "My card",
        f"#/reply/card-1?{CHALLENGE}": "My card",
        f"#/reply/card-1/{CHALLENGE}": "My card",
        "#/reply/card-2": "My card",
        "#/reply/card-1": "Answer an officer",
        "#/asked/card-1": "Answer an officer",
    }
    with opened(lens.browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        for fragment, title in links.items():
            site.page.goto("about:blank")
            site.open(fragment)
            expect(site.page.locator("h1")).to_have_text(title)
            assert site.page.locator("canvas").count() == 0


def test_k4_one_card_does_not_answer_for_another(lens: Lens) -> None:
    """What the holder said yes to is the card in front of them."""
    with opened(lens.browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts=FACTS, id="card-2")
        started(site)
        asked = picture(verifier.challenge_text(CHALLENGE))
        site.page.locator("input[type=file]").set_input_files(asked)
        expect(site.page.locator("h1")).to_have_text("Answer this code?")
        site.page.evaluate("location.hash = '#/reply/card-2'")
        expect(site.page.locator("h1")).to_have_text("Answer an officer")


def test_an_answer_hides_when_nobody_looks(lens: Lens) -> None:
    """One touch brings it back, but not after its time."""
    with opened(lens.browser, now=NOW, viewport=PHONE) as site:
        started(site)
        asked = picture(verifier.challenge_text(CHALLENGE))
        site.page.locator("input[type=file]").set_input_files(asked)
        answered(site)
        site.page.evaluate("dispatchEvent(new Event('blur'))")
        again = site.page.get_by_role("button", name="Show code")
        again.click()
        expect(again).to_be_hidden()
        site.page.evaluate("dispatchEvent(new Event('blur'))")
        site.page.clock.fast_forward(95_000)
        again.click()
        expect(site.page.locator("h1")).to_have_text("Show this code to the officer")


@pytest.mark.parametrize(
    ("look", "scheme", "locale"),
    [({"width": 320, "height": 480}, "dark", "ru"), (TABLET, "light", "th")],
)
def test_screens_of_an_answer_are_accessible_and_fit(
    lens: Lens, look: dict[str, int], scheme: Any, locale: str
) -> None:
    """With the camera's picture, the question and the answer."""
    lens.look_at(MENU)
    with opened(
        lens.browser,
        now=NOW,
        viewport=look,
        color_scheme=scheme,
        locale=locale,
        permissions=CAMERA,
    ) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.follow("answer")
        expect(site.page.locator("video")).to_be_visible()
        expect(site.page.get_by_role("alert")).to_be_visible()
        check(site, "answer")
        asked = picture(verifier.challenge_text(CHALLENGE))
        site.page.locator("input[type=file]").set_input_files(asked)
        for name in ("asked", "reply"):
            at = f"body[data-screen='#/{name}/card-1']"
            expect(site.page.locator(at)).to_be_attached()
            check(site, name)
            if name == "asked":
                site.page.locator("main button:not(.plain)").click()
        assert site.complaints == []
