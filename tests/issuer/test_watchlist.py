"""The watch list that lies in a file."""

import json
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.errors import WatchListError
from issuer.intake.duplicates import Identity
from issuer.watchlist import (
    Answer,
    Clear,
    FileWatchList,
    Hits,
    NoAnswer,
    Person,
    WatchList,
)

HEAD = (
    "reference,family_name,given_name,birthdate,nationality,"
    "passport_country,passport_number\n"
)
ROWS = (
    "W-1,M\u00fcller,Hans,1970-01-31,DEU,,\n"
    "W-1,Mueller,Johann,1970,,,\n"
    "W-2,\u738b,\u5c0f\u660e,1980,,,\n"
    "W-3,,,,,AUS,PA1234567\n"
    "W-4,,,,,,PB7654321\n"
)
LIST = HEAD + ROWS + "end,5\n"


def person(
    family: str = "NOBODY",
    given_name: str = "AT ALL",
    *,
    born: date = date(1970, 1, 31),
    passport: tuple[str, str] = ("AUS", "X1"),
    others: Sequence[tuple[str, str]] = (),
) -> Person:
    return Person(
        names=((family, given_name), *others),
        birthdate=born,
        nationality="AUS",
        passports=(passport,),
    )


def put(path: Path, text: str) -> None:
    """Replace the file as its owner should: written beside it, then renamed."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    put(path, LIST)
    return path


def ask(path: Path, *persons: Person) -> tuple[Answer, ...]:
    adapter: WatchList = FileWatchList(path)
    return adapter.screen(persons)


def references(path: Path, asked: Person) -> tuple[str, ...]:
    (answer,) = ask(path, asked)
    assert not isinstance(answer, NoAnswer)
    return answer.references if isinstance(answer, Hits) else ()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (person(), ()),
        (person("MUELLER", "HANS"), ("W-1",)),
        (person("M\u00fcller", "Hans"), ("W-1",)),
        (person("HANS", "MUELLER"), ("W-1",)),
        (person("MUELLER", "HANS", born=date(1970, 1, 30)), ()),
        (person("MUELLER", "JOHANN", born=date(1970, 12, 1)), ("W-1",)),
        (person("MUELLER", "JOHANN", born=date(1971, 1, 1)), ()),
        (person("MUELLER", ""), ()),
        (person(others=[("MUELLER", "HANS")]), ("W-1",)),
        (person("\u738b", "\u5c0f\u660e", born=date(1980, 2, 3)), ("W-2",)),
        (person("WANG", "XIAOMING", born=date(1980, 2, 3)), ()),
        (person(passport=("AUS", "PA1234567")), ("W-3",)),
        (person(passport=("NZL", "PA1234567")), ()),
        (person(passport=("NZL", "PB7654321")), ("W-4",)),
        (person("MUELLER", "HANS", passport=("AUS", "PA1234567")), ("W-1", "W-3")),
    ],
)
def test_people_are_found_by_passport_or_by_name_and_birth(
    path: Path, asked: Person, expected: tuple[str, ...]
) -> None:
    """Words in any order, passport letters or the own script, exact day or year."""
    assert references(path, asked) == expected


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    """Several names and passports stand in one entry."""
    path = tmp_path / "list.jsonl"
    entry = {
        "reference": "W-1",
        "names": [
            {"family_name": "Lee", "given_name": "Mei"},
            {"family_name": "\u674e", "given_name": "\u7f8e"},
        ],
        "birthdate": "1970",
        "nationality": "SGP",
        "passports": [{"country": "SGP", "number": "K1"}, {"number": "K2"}],
    }
    put(path, json.dumps(entry) + "\n\n" + '{"end": 1}\n')
    assert references(path, person("LEE", "MEI")) == ("W-1",)
    assert references(path, person("\u674e", "\u7f8e")) == ("W-1",)
    assert references(path, person(passport=("SGP", "K1"))) == ("W-1",)
    assert references(path, person(passport=("AUS", "K2"))) == ("W-1",)
    assert references(path, person(passport=("AUS", "K1"))) == ()


def test_each_person_has_an_answer_in_order_with_the_version(path: Path) -> None:
    """The version says which list was asked, and changes with it."""
    clear, hit, again = ask(path, person(), person("MUELLER", "HANS"), person())
    assert isinstance(clear, Clear)
    assert isinstance(hit, Hits)
    assert clear == again
    assert clear.version == hit.version
    put(path, HEAD + "end,0\n")
    (other,) = ask(path, person("MUELLER", "HANS"))
    assert isinstance(other, Clear)
    assert other.version != clear.version
    assert ask(path) == ()


DAMAGED = [
    ("", 1, "is not reference"),
    (HEAD + ROWS, 0, "no last line"),
    (HEAD + ROWS + "end,6\n", 7, "5 entries"),
    (HEAD + ROWS[: ROWS.index("W-3")] + "end,5\n", 5, "3 entries"),
    (LIST + "W-5,,,,,,X1\n", 8, "after the end"),
    (LIST + "end,5\n", 8, "after the end"),
    (HEAD.replace("birthdate", "born") + "end,0\n", 1, "is not reference"),
    (HEAD + "W-1,Lee,Mei,,,,\nend,1\n", 2, "neither a passport nor a name"),
    (HEAD + "W-1,,,1970,,,\nend,1\n", 2, "neither a passport nor a name"),
    (HEAD + "W-1,,Mei,1970,,,\nend,1\n", 2, "names.0.family_name"),
    (HEAD + "W-1,Lee,Mei,1970-02-30,,,\nend,1\n", 2, "birthdate"),
    (HEAD + "W-1,Lee,Mei,70,,,\nend,1\n", 2, "birthdate"),
    (HEAD + "W-1, ,,1970,,,\nend,1\n", 2, "no letter"),
    (HEAD + ",Lee,Mei,1970,,,\nend,1\n", 2, "reference"),
    (HEAD + "W 1,Lee,Mei,1970,,,\nend,1\n", 2, "reference"),
    (HEAD + "W-1,,,,AUSTRALIA,AUS,X1\nend,1\n", 2, "nationality"),
    (HEAD + "W-1,,,,,AUS,x 1\nend,1\n", 2, "number"),
    (HEAD + "W-1,,,,,AUS,\nend,1\n", 2, "number"),
    (HEAD + "W-1,Lee,Mei\nend,1\n", 2, "3 cells"),
    (HEAD + '"W-1"x,,,,,AUS,X1\nend,1\n', 2, "quotes"),
]


@pytest.mark.parametrize(("text", "line", "reason"), DAMAGED)
def test_a_damaged_list_is_no_answer_and_names_its_line(
    path: Path, text: str, line: int, reason: str
) -> None:
    """Not clear, for nobody; file, line and reason for who runs it."""
    put(path, text)
    answers = ask(path, person(), person("MUELLER", "HANS"))
    assert all(isinstance(answer, NoAnswer) for answer in answers)
    assert len(answers) == 2
    with pytest.raises(WatchListError, match=reason) as refused:
        FileWatchList(path).check()
    assert (refused.value.file, refused.value.line) == (str(path), line)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("{", 1, "no JSON object"),
        ("[1]", 1, "no JSON object"),
        ("[" * 100_000, 1, "no JSON object"),
        ('{"reference": "a", "reference": "b"}', 1, "no JSON object"),
        ('{"end": 0, "more": 1}', 1, "does not end"),
        ('{"end": false}', 1, "does not end"),
        ('\n{"reference": "W-1"}\n{"end": 1}', 2, "neither"),
        (
            '{"reference":"W-1","passports":[{"number":"X1"}],"reason":"spy"}',
            1,
            "reason: Extra",
        ),
        ('{"reference":"W-1","passports":[{"number":7}]}', 1, "number"),
        ('{"reference":"W-1","passports":{"number":"X1"}}', 1, "passports"),
    ],
)
def test_damaged_json_lines_name_their_line(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    """A reason is nothing that this list may carry."""
    path = tmp_path / "list.jsonl"
    put(path, text)
    with pytest.raises(WatchListError, match=reason) as refused:
        FileWatchList(path).check()
    assert refused.value.line == line


def test_a_list_that_is_not_utf_8_names_the_line(path: Path) -> None:
    """Latin-1 names would match nobody."""
    path.write_bytes(LIST.encode("utf-8").replace("\u738b".encode(), b"\xfc"))
    with pytest.raises(WatchListError, match="not UTF-8") as refused:
        FileWatchList(path).check()
    assert refused.value.line == 4


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "loop"])
def test_a_list_that_is_not_there_is_no_answer(path: Path, what: str) -> None:
    """Silence is not clear."""
    path.unlink()
    if what == "folder":
        path.mkdir()
    if what == "pipe":
        os.mkfifo(path)
    if what == "loop":
        path.symlink_to(path)
    (answer,) = ask(path, person())
    assert isinstance(answer, NoAnswer)
    assert str(path) in answer.reason


def test_a_huge_list_is_not_read(path: Path) -> None:
    """64 MiB hold half a million entries."""
    with path.open("r+b") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(WatchListError, match="64 MiB"):
        FileWatchList(path).check()


def test_a_new_list_is_used_from_the_next_question_on(path: Path) -> None:
    """Without a restart; a damaged one stops the answers, a good one resumes them."""
    adapter = FileWatchList(path)
    asked = (person("NEWCOMER", "ANN"),)
    assert adapter.check() == 5
    assert isinstance(adapter.screen(asked)[0], Clear)
    put(path, HEAD + "W-9,Newcomer,Ann,1970,,,\nend,1\n")
    assert isinstance(adapter.screen(asked)[0], Hits)
    put(path, HEAD + "W-9,Newcomer,Ann,1970,,,\n")
    assert isinstance(adapter.screen(asked)[0], NoAnswer)
    path.unlink()
    assert isinstance(adapter.screen(asked)[0], NoAnswer)
    put(path, LIST)
    assert isinstance(adapter.screen(asked)[0], Clear)


def test_a_list_of_the_same_length_is_a_new_list(path: Path) -> None:
    """One letter was put right, by replacing the file or inside it."""
    adapter = FileWatchList(path)
    asked = (person("HANSEN", "ANN"),)
    for write in (put, Path.write_text):
        put(path, HEAD + "W-9,Jansen,Ann,1970,,,\nend,1\n")
        assert isinstance(adapter.screen(asked)[0], Clear)
        write(path, HEAD + "W-9,Hansen,Ann,1970,,,\nend,1\n")
        assert isinstance(adapter.screen(asked)[0], Hits)


def test_a_list_that_changes_while_it_is_read_is_no_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read may be half of the one and half of the other."""

    def read_slowly(path: Path) -> bytes:
        with path.open("rb") as file:
            data = file.read()
        put(path, HEAD + "W-9,Newcomer,Ann,1970,,,\nend,1\n")
        return data

    adapter = FileWatchList(path)
    asked = (person("NEWCOMER", "ANN"),)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", read_slowly)
        (answer,) = adapter.screen(asked)
    assert isinstance(answer, NoAnswer)
    assert "being written to" in answer.reason
    assert isinstance(adapter.screen(asked)[0], Hits)


def test_a_list_is_read_once_while_it_stays_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100,000 entries are not read for every applicant."""
    adapter = FileWatchList(path)
    adapter.check()
    monkeypatch.setattr(Path, "read_bytes", None)
    assert isinstance(adapter.screen([person()])[0], Clear)


def test_a_list_cut_anywhere_is_never_clear(path: Path) -> None:
    """However much of it arrived."""
    whole = LIST.encode()
    for size in range(len(whole) - 1):
        path.write_bytes(whole[:size])
        (answer,) = ask(path, person())
        assert isinstance(answer, NoAnswer), size


def test_a_hundred_thousand_entries_answer_ten_thousand(path: Path) -> None:
    """Every hit is found among them, and nobody else."""
    entries = range(100_000)
    rows = "".join(f"W-{n},{word(n)},Ann,1970-01-31,,AUS,P{n}\n" for n in entries)
    put(path, HEAD + rows + "end,100000\n")
    asked = [person(word(n), "Ann") for n in range(95_000, 105_000)]
    answers = ask(path, *asked)
    found = [each.references for each in answers if isinstance(each, Hits)]
    assert found == [(f"W-{n}",) for n in range(95_000, 100_000)]
    assert sum(isinstance(each, Clear) for each in answers) == 5000


def word(number: int) -> str:
    return "".join(chr(65 + int(digit)) for digit in f"{number:07}")


def test_whom_to_ask_about_comes_from_an_application() -> None:
    """The names of the card, the names as given, and the passport."""
    identity = Identity(
        family_name="WANG",
        given_name="XIAOMING",
        birthdate=date(1980, 2, 3),
        nationality="CHN",
        passport_country="CHN",
        passport_number="E1",
    )
    asked = Person.of(identity, ("\u738b", "\u5c0f\u660e"))
    assert asked.names == (("WANG", "XIAOMING"), ("\u738b", "\u5c0f\u660e"))
    assert asked.passports == (("CHN", "E1"),)


@settings(suppress_health_check=list(HealthCheck), max_examples=200)
@given(st.data())
def test_any_file_is_an_answer(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """Nothing raises; a file without its last line never clears anybody."""
    junk = data.draw(
        st.binary(max_size=200)
        | st.text('{}[]",:W-1end\n\\u\ufeff', max_size=80).map(str.encode)
    )
    folder = tmp_path_factory.mktemp("any")
    for name, head in (("list.csv", HEAD), ("list.jsonl", "")):
        path = folder / name
        path.write_bytes(head.encode() + junk)
        (answer,) = ask(path, person())
        assert isinstance(answer, NoAnswer) or b"end" in junk
