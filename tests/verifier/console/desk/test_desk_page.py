"""The desk's page in a real browser, as an agent at a counter uses it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

import verifier
from issuer.plastic.codes import qr_image
from tests.components import needs
from tests.examples.desk_scene import PASSPORT
from tests.issuer.web.chromium import FLAGS, browser_path
from tests.simulator import NOW
from tests.verifier.console.desk.conftest import WORLD
from tests.verifier.console.desk.site import Site, opened
from tests.verifier.registers import Register, parsed, serving
from verifier.console.desk import words

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
YES = "ABTC gives an entry basis for Singapore for this passport"
NO = "ABTC does not give an entry basis for Singapore: check visa as usual"
NO_ANSWER = "No answer: use the normal document check"
CODE = WORLD.show(WORLD.card(), at=NOW)
UNCLEARED = WORLD.show(WORLD.card(economies=[]), at=NOW)
PLASTIC = WORLD.show(WORLD.card(form="physical"))
SMALL = """[...document.querySelectorAll("a, button, input:not(.file), select")]
    .filter((each) => each.checkVisibility())
    .map((each) => [each.textContent, each.getBoundingClientRect()])
    .filter(([, box]) => box.width < 44 || box.height < 44)
    .map(([text]) => text)"""


@pytest.fixture(scope="module", name="browser")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera sees a plastic card's code."""
    scene = Image.new("RGB", (1280, 720), "white")
    scene.paste(qr_image(PLASTIC, module_pixels=7), (300, 40))
    film = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    scene.save(film, format="JPEG", quality=92)
    flags = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser_path(), args=[*FLAGS, *flags]
        )
        yield chromium
        chromium.close()


def fits(site: Site) -> None:
    wide = site.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def check(site: Site) -> None:
    fits(site)
    assert site.page.evaluate(SMALL) == []
    assert site.accessibility() == []


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 320, "height": 480}, "color_scheme": "dark"},
        {"viewport": {"width": 1024, "height": 768}, "color_scheme": "light"},
    ],
    ids=["phone", "tablet"],
)
def test_a_passenger_from_check_in_to_the_gate(
    browser: Browser, synced: Path, look: dict[str, Any]
) -> None:
    """Code and passport by imager, the answer, and at the gate what has changed."""
    with opened(browser, synced, **look) as site:
        check(site)
        site.choose()
        site.scan(CODE)
        site.has_read("Code read at 12:00 UTC")
        site.scan_passport(PASSPORT)  # code and passport are there: it asks by itself
        site.answered(YES)
        assert site.fact("Stay until").startswith("18 Mar 2030")
        assert site.fact("Form of card") == "App"
        assert site.fact("Last day of the card") == "30 Jun 2034"
        assert site.fact("From data of") == "15 Jan 2030, 11:00 UTC"
        reference = site.fact("Reference")
        assert "board answer" in site.text
        check(site)
        site.button("Check again").click()
        check(site)
        site.scan(UNCLEARED)
        site.scan_passport(PASSPORT)
        site.answered(NO)
        expect(site.page.get_by_text("The answer has changed")).to_be_visible()
        assert site.page.locator(".compare-times dd").all_inner_texts() == [
            "gives an entry basis",
            "Stay until 18 Mar 2030",
            "15 Jan 2030, 12:00 UTC",
            "does not give an entry basis",
            "15 Jan 2030, 12:00 UTC",
        ]
        assert site.fact("Reference") != reference
        check(site)
        assert "CITIZEN" not in site.page.content()
        assert "PA1234567" not in site.page.content()
        assert site.complaints == []
        assert {each.split("/", 3)[2] for each in site.asked} == {site.origin[7:]}


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 320, "height": 480}, "color_scheme": "dark"},
        {"viewport": {"width": 1024, "height": 768}, "color_scheme": "light"},
    ],
    ids=["phone", "tablet"],
)
def test_a_passport_alone_is_answered_by_a_register(
    browser: Browser, synced: Path, look: dict[str, Any]
) -> None:
    """The page says whose answer it is; without the register it is no answer."""
    register = Register()
    with (
        serving(register) as url,
        opened(browser, synced, verifier.Register(url, parsed()), **look) as site,
    ):
        site.choose()
        site.scan_passport(PASSPORT)
        site.button("Ask").click()
        site.answered(YES)
        assert site.fact("Answered by") == "the register of Australia"
        assert site.fact("For the passport") == "AUS, number ending 567"
        check(site)
        site.button("Next passenger").click()
        register.status, register.body = 503, b"{}"
        site.scan_passport(PASSPORT)
        site.button("Ask").click()
        site.answered(NO_ANSWER)
        assert "registers did not answer" in site.text
        check(site)
        site.button("Next passenger").click()
        site.scan(CODE)
        site.scan_passport(PASSPORT)
        site.answered(YES)
        assert site.fact("Answered by") == "this device, from the wallet code"
        assert site.complaints == []
        assert {each.split("/", 3)[2] for each in site.asked} == {site.origin[7:]}


def test_every_language_fits_a_phone(browser: Browser, synced: Path) -> None:
    """Question and answer, in each of the languages that there are."""
    with opened(browser, synced, viewport={"width": 320, "height": 640}) as site:
        page = site.page
        for language in words.languages():
            page.locator("#language").select_option(language)
            expect(page.locator(f"html[lang={language}]")).to_be_attached()
            page.locator("#destination").select_option("SGP")
            page.locator("#arrival").fill("2030-01-18")
            fits(site)
            site.scan(PLASTIC)
            page.locator("button.main").click()
            expect(page.locator(".look-accepted h1")).to_contain_text("ABTC")
            fits(site)
        assert site.complaints == []


def test_the_keyboard_alone_suffices(browser: Browser, synced: Path) -> None:
    """Everything is typed, in the order of the page, and the answer has the focus."""
    with opened(browser, synced) as site:
        keys = site.page.keyboard
        site.page.get_by_label("Destination").focus()
        keys.type("Singapore")
        keys.press("Tab")
        keys.type("01182030")  # in this browser's own order
        assert site.page.locator("#arrival").input_value() == "2030-01-18"
        for _ in range(8):  # to the field of the code, past camera and picture
            if site.page.evaluate("document.activeElement.id") == "code":
                break
            keys.press("Tab")
        keys.insert_text(CODE)
        keys.press("Enter")
        site.has_read("Code read at")
        keys.press("Tab")
        assert site.page.evaluate("document.activeElement.id") == "mrz"
        keys.type(PASSPORT)
        for _ in range(2):
            keys.press("Tab")
        keys.press("Enter")
        site.answered(YES)
        assert site.page.evaluate("document.activeElement.id") == "title"
        assert site.complaints == []


def test_a_code_among_the_passports_lines_is_sorted_out(
    browser: Browser, synced: Path
) -> None:
    """An imager writes where the cursor is."""
    with opened(browser, synced) as site:
        site.choose()
        site.page.locator("#mrz").fill(PASSPORT)
        site.page.locator("#mrz").press("End")
        site.page.locator("#mrz").fill(f"{PASSPORT}\n{CODE}\n")
        site.answered(YES)


def test_what_is_missing_or_misread_is_said_at_its_place(
    browser: Browser, synced: Path
) -> None:
    """Nothing is asked with half a question, and a wrong digit is told where."""
    with opened(browser, synced) as site:
        problem = site.page.locator("#problem")
        for text in (
            "Choose the destination.",
            "Choose the day of arrival.",
            "Scan the wallet code, or enter the passport.",
        ):
            site.button("Ask").click()
            expect(problem).to_have_text(text)
            site.choose(day="" if "destination" in text else "2030-01-18")
        site.scan("https://example.org/menu")
        expect(problem).to_contain_text("This is no ABTC code.")
        site.page.locator("#mrz").fill(PASSPORT.replace("PA1", "PA2"))
        site.button("Ask").click()
        expect(problem).to_contain_text("line 2, character 10")
        assert site.page.evaluate("document.activeElement.id") == "mrz"
        assert site.accessibility() == []
        site.page.locator("#mrz").fill(PASSPORT)
        site.button("Ask").click()
        site.answered(NO_ANSWER)
        expect(site.page.get_by_text("it keeps no register of cards")).to_be_visible()


def test_no_answer_within_three_seconds_is_no_answer(
    browser: Browser, synced: Path
) -> None:
    """Whether the desk hangs or has gone: the agent is told, and nobody refused."""
    with opened(browser, synced) as site:
        site.choose()
        site.page.locator("#mrz").fill(PASSPORT)
        site.page.route("**/api/answers", lambda _: None)
        site.button("Ask").click()
        site.answered(NO_ANSWER)
        expect(site.page.get_by_text("this is not a refusal")).to_be_visible()
        site.button("Next passenger").click()
        site.page.unroute("**/api/answers")
        site.stop()
        site.scan(CODE)
        site.button("Ask").click()
        site.answered(NO_ANSWER)
        assert site.accessibility() == []


def test_a_picture_is_read(browser: Browser, synced: Path, tmp_path: Path) -> None:
    """One code is; none, several, and what is no picture are told."""
    qr_image(PLASTIC, module_pixels=4).save(tmp_path / "one.png")
    both = Image.new("L", (900, 420), 255)
    for place, text in ((10, PLASTIC), (450, CODE)):
        both.paste(qr_image(text, module_pixels=5).resize((400, 400)), (place, 10))
    both.save(tmp_path / "two.png")
    Image.new("L", (300, 300), 255).save(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with opened(browser, synced) as site:
        site.choose()
        for name, problem in (
            ("none", "no ABTC code"),
            ("two", "several codes"),
            ("text", "no ABTC code"),
        ):
            site.page.set_input_files("#picture", tmp_path / f"{name}.png")
            expect(site.page.locator("#problem")).to_contain_text(problem)
        site.page.set_input_files("#picture", tmp_path / "one.png")
        site.has_read("Code read at")
        site.button("Ask").click()
        site.answered(YES)
        assert site.fact("Form of card") == "Plastic card"
        assert "the plastic card itself" in site.fact("Still to be seen")
        assert site.complaints == []


def test_the_camera_reads_a_code_and_stops(browser: Browser, synced: Path) -> None:
    """It runs only when it is wanted, and ends with the first code."""
    with opened(browser, synced) as site:
        site.choose()
        site.button("Scan with the camera").click()
        site.has_read("Code read at")
        video = site.page.locator("video")
        expect(video).to_be_hidden()
        assert video.evaluate("(each) => each.srcObject") is None
        site.button("Ask").click()
        site.answered(YES)
        assert site.complaints == []


def test_a_summary_is_printed_that_is_no_proof(browser: Browser, synced: Path) -> None:
    """Without the page around it; and what is left of the passport is hidden later."""
    with opened(browser, synced) as site:
        site.choose()
        site.scan(CODE)
        site.scan_passport(PASSPORT)
        site.answered(YES)
        site.page.emulate_media(media="print")
        assert site.text.startswith("ABTC entry basis: summary")
        assert "Information, not proof." in site.text
        for hidden in ("nav", ".foot"):
            expect(site.page.locator(hidden)).to_be_hidden()
        site.page.emulate_media(media="screen")
        assert site.fact("For the passport") == "AUS, number ending 567"
        site.page.clock.fast_forward(181_000)
        assert site.fact("For the passport") == "hidden after 3 minutes"
        site.answered(YES)


def test_a_list_is_checked_with_its_faults(
    browser: Browser, synced: Path, tmp_path: Path
) -> None:
    """Counts, the rows to put right, and the whole as a file."""
    table = tmp_path / "flight.csv"
    table.write_text(
        "reference,destination,date,code\n"
        f'=A1,SGP,2030-01-18,"{PLASTIC}"\n'
        "B2,Singapore,2030-01-18,x\nC3,SGP,2030-01-18,x\n"
    )
    with opened(browser, synced, viewport={"width": 390, "height": 844}) as site:
        site.page.get_by_role("link", name="Passenger list").click()
        check(site)
        site.page.set_input_files("#file", table)
        site.button("Check the list").click()
        expect(site.page.get_by_text("3 passengers checked")).to_be_visible()
        counts = site.page.locator("dl.counts dd").all_inner_texts()
        assert counts == ["1", "0", "1", "1"]
        line, reference, problem = site.page.locator("tbody td").all_inner_texts()
        assert (line, reference) == ("3", "B2")
        assert problem.startswith("destination is not an economy")
        with site.page.expect_download() as saving:
            site.page.get_by_role("link", name="Save as CSV").click()
        saved = Path(saving.value.path()).read_text()
        told = [each["answer"] for each in csv.DictReader(io.StringIO(saved))]
        assert told == ["gives", "", "no_answer"]
        assert '"\'=A1"' in saved
        check(site)
        table.write_bytes(b"PK\x03\x04\xff\xfe")
        site.page.set_input_files("#file", table)
        site.button("Check the list").click()
        expect(site.page.get_by_text("not UTF-8")).to_be_visible()
        assert site.complaints == []


def test_a_page_without_the_address_says_so(browser: Browser, synced: Path) -> None:
    """Nobody wonders why nothing works."""
    with opened(browser, synced) as site:
        site.context.clear_cookies()
        site.page.reload()
        expect(site.page.get_by_text("Open that address.")).to_be_visible()
