"""What is reported is documented, and what is documented works."""

import re
import textwrap
from pathlib import Path

import pytest

from issuer.errors import IntakeError
from issuer.intake.fields import MEMBERS
from issuer.intake.kinds import applications
from issuer.intake.names import Why
from issuer.intake.problem import FIXES, Problem, ProblemCode
from issuer.watchlist import FileWatchList
from tests.simulator import NOW, SCHEME

PAGE = (Path(__file__).parents[3] / "docs/operations/intake.md").read_text()


@pytest.mark.parametrize("code", ProblemCode)
def test_every_code_is_documented_with_what_to_do(code: ProblemCode) -> None:
    """One short sentence, the same on the page and on the screen."""
    assert f"| `{code}` | {FIXES[code]} |" in PAGE.splitlines()
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", code)
    assert FIXES[code].endswith(".")
    assert len(FIXES[code]) <= 60


def test_no_code_is_documented_that_does_not_exist() -> None:
    """The page names no other code."""
    rows = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", PAGE, re.MULTILINE))
    assert rows == {code.value for code in ProblemCode}


@pytest.mark.parametrize("why", Why)
def test_every_reason_to_look_is_documented(why: Why) -> None:
    """An officer can read up on it."""
    assert f"| `{why}` |" in PAGE


def test_forms_and_sheets_have_the_same_members() -> None:
    """And the page names each."""
    kind = applications(economy="AUS", scheme=SCHEME, at=NOW)
    assert {column.name for column in kind.columns} == set(MEMBERS)
    for name in MEMBERS:
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize(("suffix", "entries"), [(".csv", 3), (".jsonl", 2)])
def test_the_watch_lists_of_the_page_are_read(
    tmp_path: Path, suffix: str, entries: int
) -> None:
    """Whoever copies them has a working list."""
    blocks = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    (text,) = (block for block in blocks if ("{" in block) == (suffix == ".jsonl"))
    path = tmp_path / f"list{suffix}"
    path.write_text(textwrap.dedent(text))
    assert FileWatchList(path).check() == entries


def test_c8_an_error_names_fields_and_codes_only() -> None:
    """Its text goes into logs."""
    problem = Problem(field="sex", code=ProblemCode.SEX, message="SECRET")
    assert str(IntakeError((problem, problem))) == "sex: sex.unknown, sex: sex.unknown"
