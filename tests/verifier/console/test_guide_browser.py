"""The officer's guide in a real browser, and on paper."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.components import needs, path_of
from tests.docs import build_guide
from tests.issuer.web.chromium import launched, violations

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
PHONE = {"width": 390, "height": 844}
PAGES = [
    ("index.html", "light"),
    ("index.html", "dark"),
    ("economies/CHN.html", "light"),
    ("practice.html", "light"),
]


@pytest.fixture(scope="module", name="browser")
def running() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.mark.parametrize(("page", "scheme"), PAGES)
def test_axe_finds_nothing(browser: Browser, page: str, scheme: str) -> None:
    """Contrast, headings, tables and languages, also on a narrow screen."""
    tab = browser.new_page(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
    tab.goto((build_guide.PAGES / "ja" / page).as_uri())
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


@needs("Poppler")
def test_paper_is_tagged_and_has_every_part(browser: Browser, tmp_path: Path) -> None:
    """One document: how to, good practice, codes, economies."""
    build_guide.print_all(browser, ["en"], tmp_path)
    pdf = tmp_path / "en.pdf"
    about = _run("pdfinfo", pdf)
    assert "Tagged:          yes" in about
    text = _run("pdftotext", pdf, "-")
    for part in ("How to scan", "Good practice", "status.superseded", "Viet Nam"):
        assert part in text


def _run(tool: str, *arguments: Path | str) -> str:
    place = Path(path_of("Poppler")).with_name(tool)
    done = subprocess.run(  # noqa: S603  # Poppler's own tools
        [place, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout
