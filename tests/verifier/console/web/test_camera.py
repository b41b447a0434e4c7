"""The camera of the console: a film of a phone plays in the browser as what it sees."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from issuer.plastic import qr_image
from tests.components import needs
from tests.verifier.console.conftest import WORLD, Desk
from tests.verifier.console.web.site import PHONE, Site, another, launched, opened
from tests.verifier.console.web.video import nothing, phone, pictures, write

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
CARD = WORLD.card()
OTHER = WORLD.card(document_number="A7654321", family_name="TRAVELLER")
MENU = "https://example.org/menu"


@pytest.fixture(scope="module", name="film")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("film") / "camera.mjpeg"
    write(found, [([nothing()], 1)])
    return found


@pytest.fixture(scope="module", name="camera")
def running(film: Path) -> Iterator[Browser]:
    with launched(f"--use-file-for-fake-video-capture={film}") as found:
        yield found


@pytest.fixture(scope="module", name="place")
def page(camera: Browser, new_desk: Callable[[], Desk]) -> Iterator[Site]:
    with opened(camera, new_desk(), viewport=PHONE) as site:
        site.begin()
        yield site


@pytest.fixture(name="site")
def again(place: Site) -> Iterator[Site]:
    place.desk.wait(70)
    place.desk.session.touch()
    place.go("home")
    yield place
    assert place.complaints == []


def seen(film: Path, *codes: str, width: int = 420) -> None:
    """Let the camera see a phone from now on."""
    shown = pictures(phone(*codes), width=width, seed=7, count=3)
    write(film, [([nothing()], 0.3), (shown, 2)])


def code(site: Site, card: str = CARD) -> str:
    return WORLD.show(card, at=site.desk.now)


def test_a_code_held_to_the_camera_is_read_beside_the_page(
    site: Site, film: Path
) -> None:
    """At once, without a touch; then the officer compares."""
    seen(film, code(site))
    site.go("scan")
    site.on("compare")
    expect(site.page.locator(".person-name")).to_contain_text("CITIZEN, JANE MARY")


def test_q4_codes_of_others_are_passed_by_and_do_not_stop_the_scan(
    site: Site, film: Path
) -> None:
    """A menu alone is only said to be none of ours; beside a card it is ignored."""
    seen(film, MENU)
    site.go("scan")
    expect(site.page.locator(".hint-line")).to_contain_text("not an ABTC code")
    assert site.page.locator(".band").count() == 0
    site.go("home")
    seen(film, MENU, code(site), width=400)
    site.go("scan")
    site.on("compare")
    assert not [url for url in site.asked if "example.org" in url]


def test_of_two_cards_in_view_the_officer_is_asked_for_one(
    site: Site, film: Path
) -> None:
    """Whose would be taken otherwise is chance."""
    seen(film, code(site), code(site, OTHER), width=400)
    site.go("scan")
    expect(site.page.locator(".hint-line")).to_contain_text("Several codes in view")
    assert site.page.locator("body[data-screen=scan]").count() == 1


def test_a_phone_that_stays_in_view_is_not_scanned_twice(
    site: Site, film: Path
) -> None:
    """After SCAN NEXT the same picture is the last traveller's, still leaving.

    However long the officer has looked at the answer. Who goes on holding it there
    means it.
    """
    seen(film, code(site))
    site.go("scan")
    site.on("compare")
    site.button("Does not match").click()
    site.on("verdict")
    site.page.wait_for_timeout(1_600)
    with site.page.expect_request("**/api/answers/*/done"):
        site.button("Scan next").click()
    site.on("scan")
    expect(site.page.locator(".stage.live")).to_be_visible()
    site.page.wait_for_timeout(1_000)
    assert site.page.locator("body[data-screen=scan]").count() == 1
    site.on("compare", "verdict")


def test_a_picture_file_is_read(site: Site, film: Path) -> None:
    write(film, [([nothing()], 1)])
    drawn = io.BytesIO()
    qr_image(code(site), module_pixels=4).save(drawn, "PNG")
    empty = io.BytesIO()
    Image.new("RGB", (200, 200)).save(empty, "PNG")
    site.go("scan")
    chosen = site.page.locator("#picture")
    for body, said in ((empty.getvalue(), "No code found"), (b"x", "is no picture")):
        chosen.set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": body}
        )
        expect(site.page.locator(".hint-line")).to_contain_text(said)
    file = {"name": "a.png", "mimeType": "image/png", "buffer": drawn.getvalue()}
    chosen.set_input_files(file)  # type: ignore[arg-type]
    site.on("compare")


def test_a_camera_that_is_pulled_out_is_told_and_comes_back(
    site: Site, film: Path
) -> None:
    """Its own screen, with what to do."""
    write(film, [([nothing()], 1)])
    site.go("scan")
    expect(site.page.locator(".stage.live")).to_be_visible()
    site.page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0]"
        ".dispatchEvent(new Event('ended'))"
    )
    expect(site.page.get_by_text("The camera was unplugged")).to_be_visible()
    assert site.accessibility() == []
    seen(film, code(site))
    site.button("Try again").click()
    site.on("compare")


def test_the_flip_is_remembered(site: Site, film: Path) -> None:
    write(film, [([nothing()], 1)])
    site.go("scan")
    site.button("Flip").click()
    expect(site.page.locator(".stage.live video.mirrored")).to_be_visible()
    site.page.reload()
    expect(site.page.locator(".stage.live video.mirrored")).to_be_visible()
    site.button("Flip").click()
    expect(site.page.locator(".stage.live video.mirrored")).to_have_count(0)


def test_without_a_reader_in_the_browser_the_service_reads(
    site: Site, film: Path
) -> None:
    """What cannot be compiled here costs speed, not scanning."""
    site.page.route("**/*.wasm", lambda route: route.abort())
    seen(film, code(site))
    with site.page.expect_response("**/api/frame?*", timeout=30_000):
        site.go("scan")
    site.on("compare")
    site.page.unroute("**/*.wasm")


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("=deny --use-fake-device-for-media-stream", "The camera is not allowed"),
        ("", "No camera found"),
    ],
)
def test_without_a_camera_there_is_a_way_on(
    camera: Browser, new_desk: Callable[[], Desk], flag: str, said: str
) -> None:
    """Refused or absent: what to do, and numbers can be typed."""
    with (
        another(camera, *f"--use-fake-ui-for-media-stream{flag}".split()) as browser,
        opened(browser, new_desk(), camera="deny" not in flag, viewport=PHONE) as site,
    ):
        site.begin()
        expect(site.page.get_by_text(said)).to_be_visible()
        assert site.accessibility() == []
        site.page.get_by_role("link", name="Type the numbers").click()
        site.on("manual")
