"""The documents say what the code does."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import verifier
from issuer import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
REASONS = (
    verifier.RejectReason,
    verifier.UndecidedReason,
    verifier.EntryReason,
    verifier.LaneReason,
)
EVERY_REASON = [reason for reasons in REASONS for reason in reasons]


@pytest.mark.parametrize("reason", EVERY_REASON)
def test_every_reason_is_documented(reason: verifier.Reason) -> None:
    """docs/reasons.md carries the very texts that the officer sees."""
    text = verifier.guidance(reason)
    row = f"| `{reason}` | {text.what} | {text.do} | {text.does_not_say} |"
    assert row in (DOCS / "reasons.md").read_text().splitlines()


def test_no_reason_is_documented_that_does_not_exist() -> None:
    """docs/reasons.md and the specification name no other code."""
    stages = {reason.value.partition(".")[0] for reason in EVERY_REASON}
    code = re.compile(rf"`((?:{'|'.join(stages)})\.[a-z_]+)`")
    names = {"card.build_card"}
    for name in ("reasons.md", "spec.md"):
        found = set(code.findall((DOCS / name).read_text())) - names
        assert found <= {reason.value for reason in EVERY_REASON}, name


@pytest.mark.parametrize("reason", EVERY_REASON)
def test_the_specification_names_every_reason(reason: verifier.Reason) -> None:
    """docs/spec.md says where each code comes from."""
    assert (DOCS / "spec.md").read_text().count(f"`{reason}`") >= 1


def test_codes_are_unique_and_dotted() -> None:
    """A code means one thing in all four lists together."""
    values = [reason.value for reason in EVERY_REASON]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", value) for value in values)


def test_guidance_is_short_and_kind() -> None:
    """Short texts for a screen: no jargon, no blame, no bare 'invalid'."""
    for reason in EVERY_REASON:
        text = verifier.guidance(reason)
        for sentence in (text.what, text.do, text.does_not_say):
            assert sentence.endswith(".")
            assert len(sentence) <= 90
        assert not re.search(r"\b(invalid|error|JWT|CBOR|you must)\b", str(text))


def test_links_between_documents_hold() -> None:
    """A relative link points at a file of the project."""
    root = DOCS.parent
    for page in [*DOCS.rglob("*.md"), *root.glob("*.md"), *root.glob("tests/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_conformance_table_names_tests_that_exist() -> None:
    """docs/tuf-conformance.md: the last column of each row is our own tests."""
    rows = re.findall(
        r"^\|.*\|([^|]*)\|$", (DOCS / "tuf-conformance.md").read_text(), re.MULTILINE
    )
    named = {name for cell in rows for name in re.findall(r"`(test_\w+)`", cell)}
    tests = "\n".join(
        path.read_text() for path in (DOCS.parent / "tests").rglob("test_*.py")
    )
    assert len(named) > 40
    assert {name for name in named if f"def {name}(" not in tests} == set()


def _typed(text: str) -> Iterator[list[str]]:
    """Every command of ours that a page shows on a line of its own, without comment."""
    for line in re.findall(r"^ {4,}(?:\w+\$ )?(abtc-issuer .*)$", text, re.MULTILINE):
        yield shlex.split(line.partition("  #")[0].partition(" > ")[0])[1:]


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli._cli
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    """A newcomer copies a line, and none of its options is unknown or missing."""
    for words in _typed(page.read_text()):
        command, rest = _command(words)
        known = {each for one in command.params for each in one.opts}
        given = {each for each in rest if each.startswith("--")}
        assert given <= known, words
        needed = {one.opts[0] for one in command.params if one.required}
        assert {each for each in needed if each.startswith("--")} <= given, words
