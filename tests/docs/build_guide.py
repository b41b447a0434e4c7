"""Write the officer's guide: ``python -m tests.docs.build_guide`` (``make guide``).

``docs/guide`` gets a folder for each language, from the reason catalogue and from the
scheme file of this version; ``--check`` only tells whether it is what is there.
``--pdf`` also prints each language to ``build/guide``, with Chromium.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import verifier
from issuer.dated import Fact
from issuer.documents import policy_document, scheme_document
from issuer.plastic import DesignRegistry
from issuer.plastic.design import Design
from issuer.scheme import Scheme
from verifier.console.guide import Guide, every_page, printed, style

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "guide"
PRINTS = ROOT / "build" / "guide"
_ANY = datetime(2000, 1, 1, tzinfo=UTC)
"""Documents must bear a date; no page shows it."""


def guide() -> Guide:
    """What the scheme file says, read as a device reads what is published of it."""
    scheme = Scheme.load()
    documents = {
        f"{code}/policy.json": policy_document(scheme, code, issued_at=_ANY)
        for code in scheme.economies
    }
    trust = verifier.Trust.from_documents(
        {"scheme.json": scheme_document(scheme, issued_at=_ANY), **documents},
        version=1,
        issued_at=_ANY,
        expires_at=_ANY + timedelta(days=1),
    )
    facts = {
        code: (*trust.facts_of(code), *_issued(scheme, code), *_designs(code))
        for code in trust.economies
    }
    return Guide(facts=facts, with_rules=frozenset(facts))


def _issued(scheme: Scheme, code: str) -> Iterator[verifier.DatedFact]:
    for row in scheme.economy(code).issues_forms:
        yield _fact("issues_forms", row.value, row)


def _designs(code: str) -> Iterator[verifier.DatedFact]:
    for design in DesignRegistry.load():
        if design.economy in {None, code}:
            yield _design(design)


def _fact(key: str, value: str, row: Fact) -> verifier.DatedFact:
    return verifier.DatedFact(
        key=key,
        says={"value": value},
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        mark=row.mark,
        source=row.source,
    )


def _design(design: Design) -> verifier.DatedFact:
    return verifier.DatedFact(
        key="designs",
        says={"value": design.title},
        starts_at=design.starts_at,
        ends_at=design.ends_at,
        mark="assumed",
        source="docs/plastic.md",
    )


def differences(pages: dict[str, str]) -> list[str]:
    """Return the files that are not as they would be written, or should not be."""
    there = {
        path.relative_to(PAGES).as_posix(): path
        for path in PAGES.rglob("*")
        if path.is_file()
    }
    return sorted(
        name
        for name in pages.keys() | there.keys()
        if name not in there
        or name not in pages
        or there[name].read_text("utf-8") != pages[name]
    )


def write(pages: dict[str, str]) -> None:
    """Write the pages, and remove what is none of them."""
    for name in differences(pages):
        path = PAGES / name
        if name not in pages:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[name], "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--pdf", action="store_true")
    wanted = parser.parse_args()
    pages = dict(every_page(guide()))
    if wanted.check:
        wrong = differences(pages)
        for name in wrong[:10]:
            sys.stderr.write(f"docs/guide/{name} is not what make guide writes\n")
        return 1 if wrong else 0
    write(pages)
    if wanted.pdf:
        from tests.issuer.web.chromium import launched  # noqa: PLC0415  # for this alone

        with launched() as browser:
            print_all(browser, verifier.guidance_languages(), PRINTS)
    return 0


def print_all(browser: "Browser", languages: Iterable[str], folder: Path) -> None:
    """Print each language to ``<language>.pdf``, tagged and with an outline."""
    said, pages = guide(), folder / "html"
    for language in languages:
        page = pages / language / "printed.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(printed(said, language), "utf-8")
        (pages / "guide.css").write_text(style(), "utf-8")
        tab = browser.new_page()
        tab.goto(page.as_uri())
        tab.pdf(
            path=folder / f"{language}.pdf",
            prefer_css_page_size=True, tagged=True, outline=True,
        )  # fmt: skip
        tab.close()


if __name__ == "__main__":
    sys.exit(main())
