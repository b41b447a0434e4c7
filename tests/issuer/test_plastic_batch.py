"""Batches for a bureau: complete, unchanged, or refused."""

import copy
import dataclasses
import hashlib
import io
import json
import os
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from PIL import Image

from issuer.errors import BatchError
from issuer.plastic import (
    BatchIndex,
    PlasticCard,
    Press,
    Written,
    read_batch,
    write_batch,
)
from issuer.plastic.batch import MAX_MEMBER
from tests.issuer.plastic_cards import file_of, plastic, registry
from tests.simulator import NOW
from verifier.scan import read_codes

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "plastic-batch.schema.json"
DESIGN = registry().get("plain-2026")
CARDS = [
    plastic(),
    plastic("HKG", document_number="HK2", how={"signature": None}),
    plastic("PER", document_number="PE3", given_name=""),
]


def write(path: Path, cards: Any = None, **changes: Any) -> Written:
    known: dict[str, Any] = {"design": DESIGN, "batch_id": "NZL-1", "created_at": NOW}
    cards = CARDS if cards is None else cards
    return write_batch(path, cards, **{**known, **changes})


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A batch of three cards."""
    return write(tmp_path_factory.mktemp("batch") / "batch.zip")


def check(path: Path) -> None:
    read_batch(path, expected_sums_sha256=None)


# What is in it


def test_a_bureau_reads_what_was_written(good: Written) -> None:
    """Every card with its texts, lines, code and files, in their order."""
    batch = read_batch(good.path, expected_sums_sha256=good.sums_sha256)
    index = batch.index
    assert (index.batch_id, index.count, good.count) == ("NZL-1", 3, 3)
    assert (index.design.id, index.created_at) == ("plain-2026", NOW)
    assert [each.document_number for each in index.cards] == ["A1234567", "HK2", "PE3"]
    for card, record in zip(CARDS, index.cards, strict=True):
        assert record.chip is False
        assert record.qr_text == card.qr_text
        assert record.mrz.lines == card.mrz_lines
        assert record.mrz.document_code.mark == "assumed"
        assert record.text.economies == card.economies
        assert record.text.family_name == card.printed_family_name
        assert record.text.expires_on == card.expires_on
        assert [file.content for file in record.files] == ["front", "reverse", "both"]
        printed = Press(DESIGN).print(card)
        contents = [batch.read(file) for file in record.files]
        assert contents == [printed.front, printed.reverse, printed.pdf]
        assert read_codes(contents[1]) == (card.qr_text,)


def test_the_description_fits_its_schema(good: Written) -> None:
    """The published schema is that of the code, and a batch is valid by it."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    del schema["$schema"]
    assert schema == BatchIndex.model_json_schema()
    with zipfile.ZipFile(good.path) as archive:
        index = json.loads(archive.read("batch.json"))
    jsonschema.Draft202012Validator(schema).validate(index)
    index["cards"][0]["chip"] = True
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(index)


def test_ordinary_tools_check_it(good: Written, tmp_path: Path) -> None:
    """A bureau needs nothing of ours: unpack, and let sha256sum compare."""
    with zipfile.ZipFile(good.path) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, b"")
    sums = (tmp_path / "SHA256SUMS").read_bytes()
    assert hashlib.sha256(sums).hexdigest() == good.sums_sha256


def test_equal_batches_are_equal_bytes(good: Written, tmp_path: Path) -> None:
    """Also when several processes print."""
    again = write(tmp_path / "again.zip", processes=2)
    assert again.path.read_bytes() == good.path.read_bytes()
    assert again.sums_sha256 == good.sums_sha256


def test_without_pdf(tmp_path: Path) -> None:
    """Half the size, and whole without it."""
    small = write(tmp_path / "small.zip", pdf=False)
    batch = read_batch(small.path, expected_sums_sha256=small.sums_sha256)
    assert [len(card.files) for card in batch.index.cards] == [2, 2, 2]


def test_only_the_owner_reads_it(good: Written) -> None:
    """It is full of travellers' data."""
    assert stat.S_IMODE(good.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("processes", [1, 2])
def test_cards_are_taken_as_they_are_printed(tmp_path: Path, processes: int) -> None:
    """A long list is never in memory as a whole: few are taken ahead of the archive."""
    taken = 0
    path = tmp_path / "batch.zip"

    def cards() -> Iterator[PlasticCard]:
        nonlocal taken
        for number in range(12):
            held = [each.stat().st_size for each in tmp_path.iterdir()]
            written = sum(held) // 1_200_000
            assert taken - written <= 2 * processes + 1
            taken += 1
            yield dataclasses.replace(CARDS[0], document_number=f"A{number}")

    # Records are not checked here: every card has the code of the first.
    assert write(path, cards(), processes=processes).count == 12


# What cannot be written


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize("processes", [1, 2])
def test_one_bad_card_leaves_nothing(tmp_path: Path, processes: int) -> None:
    """The error names its place and field, and quotes nothing of it."""
    bad = dataclasses.replace(CARDS[1], portrait=b"no picture")
    with pytest.raises(BatchError) as refused:
        write(tmp_path / "a.zip", [CARDS[0], bad], processes=processes)
    assert refused.value.place == "cards[1].portrait"
    assert "HK2" not in str(refused.value)
    assert left(tmp_path) == []


def test_one_number_twice_is_refused(tmp_path: Path) -> None:
    """Two cards of one number are a mistake before they are a fraud."""
    with pytest.raises(BatchError, match=r"cards\[1\].document_number: comes twice"):
        write(tmp_path / "a.zip", [CARDS[0], CARDS[0]])
    assert left(tmp_path) == []


def test_no_cards_and_an_existing_file_are_refused(tmp_path: Path) -> None:
    """Nothing is overwritten, and an empty batch is a mistake."""
    with pytest.raises(BatchError, match="cards: are none"):
        write(tmp_path / "a.zip", [])
    (tmp_path / "a.zip").write_text("ours")
    with pytest.raises(BatchError, match=r"a.zip: exists already"):
        write(tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_text() == "ours"
    with pytest.raises(BatchError, match=r"a.zip: cannot be written: No such file"):
        write(tmp_path / "nowhere" / "a.zip")
    assert left(tmp_path) == ["a.zip"]


def test_too_many_cards_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit counts cards as they come."""
    monkeypatch.setattr("issuer.plastic.batch.MAX_CARDS", 2)
    with pytest.raises(BatchError, match="cards: are more than 2"):
        write(tmp_path / "a.zip")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"batch_id": ""},
        {"batch_id": "../a"},
        {"batch_id": "a" * 61},
        {"processes": 0},
        {"created_at": NOW + timedelta(microseconds=1)},
        {"created_at": NOW.replace(year=1979)},
        {"created_at": datetime(2030, 1, 1)},  # noqa: DTZ001  # naive
    ],
)
def test_impossible_arguments(tmp_path: Path, change: dict[str, Any]) -> None:
    """A caller's mistake is told as such, before anything is printed."""
    with pytest.raises(ValueError, match=r"batch_id|bounds|offset"):
        write(tmp_path / "a.zip", **change)
    assert left(tmp_path) == []


# What a bureau refuses

Members = dict[str, bytes]


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(
    path: Path,
    members: Members,
    *,
    compress: int = zipfile.ZIP_STORED,
    sums: bool = True,
) -> Path:
    """Write members as an archive, with a right list of hashes if asked for."""
    if sums:
        lines = [
            f"{hashlib.sha256(data).hexdigest()}  {name}\n"
            for name, data in members.items()
            if name != "SHA256SUMS"
        ]
        members = {**members, "SHA256SUMS": "".join(lines).encode()}
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def index_of(members: Members) -> Any:
    return json.loads(members["batch.json"])


def with_index(members: Members, index: Any) -> Members:
    return {**members, "batch.json": json.dumps(index).encode()}


def with_picture(members: Members, data: bytes) -> Members:
    """Put in another front, and describe it rightly."""
    index = index_of(members)
    file = index["cards"][0]["files"][0]
    file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return with_index({**members, file["name"]: data}, index)


def test_a_changed_archive_is_noticed(good: Written, tmp_path: Path) -> None:
    """Any byte of any file: it is either refused or changes nothing that is read."""
    whole = good.path.read_bytes()
    file = tmp_path / "changed.zip"
    meaning = read_batch(good.path, expected_sums_sha256=None).index
    for place in range(0, len(whole), len(whole) // 150):
        changed = bytearray(whole)
        changed[place] ^= 1
        file.write_bytes(changed)
        try:
            batch = read_batch(file, expected_sums_sha256=good.sums_sha256)
        except BatchError:
            continue
        assert batch.index == meaning
    for end in (0, 10, 1000, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:end])
        with pytest.raises(BatchError, match="is no readable archive"):
            check(file)


def test_the_announced_hash_tells_a_forgery(good: Written, tmp_path: Path) -> None:
    """A batch that is right in itself is still not the one announced."""
    members = members_of(good.path)
    index = index_of(members)
    index["batch_id"] = "NZL-2"
    forged = pack(tmp_path / "forged.zip", with_index(members, index))
    check(forged)
    with pytest.raises(BatchError, match="SHA256SUMS: is not the one that the issuer"):
        read_batch(forged, expected_sums_sha256=good.sums_sha256)


def edit(*path: str | int, to: Any) -> Callable[[Members], Members]:
    """Change one value of the description."""

    def change(members: Members) -> Members:
        index = index_of(members)
        place = index
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to
        return with_index(members, index)

    return change


def drop(name: str) -> Callable[[Members], Members]:
    return lambda members: {k: v for k, v in members.items() if k != name}


def swap_codes(members: Members) -> Members:
    index = index_of(members)
    first, second = index["cards"][:2]
    first["qr_text"], second["qr_text"] = second["qr_text"], first["qr_text"]
    return with_index(members, index)


def swap_lines(members: Members) -> Members:
    index = index_of(members)
    first, second = index["cards"][:2]
    first["mrz"], second["mrz"] = second["mrz"], first["mrz"]
    return with_index(members, index)


def swap_files(members: Members) -> Members:
    index = index_of(members)
    files = index["cards"][0]["files"]
    files[0], files[1] = files[1], files[0]
    return with_index(members, index)


def mislabel(members: Members) -> Members:
    """The front is called the reverse, and the other way round."""
    index = index_of(members)
    files = index["cards"][0]["files"]
    files[0], files[1] = files[1], files[0]
    files[0]["content"], files[1]["content"] = "front", "reverse"
    return with_index(members, index)


def share_folder(members: Members) -> Members:
    index = index_of(members)
    first, second = index["cards"][:2]
    first["files"][1], second["files"][1] = second["files"][1], first["files"][1]
    return with_index(members, index)


def same_files(members: Members) -> Members:
    """Two cards of one picture."""
    index = index_of(members)
    index["cards"][1]["files"] = index["cards"][0]["files"]
    kept = {k: v for k, v in members.items() if "/000002/" not in k}
    return with_index(kept, index)


def twice(members: Members) -> Members:
    index = index_of(members)
    index["cards"].append(index["cards"][0])
    index["count"] = 4
    return with_index(members, index)


def same_number(members: Members) -> Members:
    index = index_of(members)
    index["cards"][1]["document_number"] = index["cards"][0]["document_number"]
    return with_index(members, index)


LARGE = file_of(Image.new("RGB", (2023, 1275)), dpi=(600, 600))
COARSE = file_of(Image.new("RGB", (2022, 1275)), dpi=(300, 300))
GREY = file_of(Image.new("L", (2022, 1275)), dpi=(600, 600))
PHOTO = file_of(Image.new("RGB", (2022, 1275)), "JPEG", dpi=(600, 600))
FRONT = "cards/000001/front.png"


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (drop("batch.json"), "batch.json", "is missing"),
        (drop(FRONT), "batch.json", "exactly the files"),
        (lambda m: {**m, "run.exe": b"MZ"}, "batch.json", "exactly the files"),
        (lambda m: {**m, "batch.json": b"{"}, "batch.json", "JSON"),
        (lambda m: {**m, "batch.json": b"[" * 10**5}, "batch.json", ""),
        (edit("abtc", to="other"), "batch.json", "abtc: "),
        (edit("version", to=2), "batch.json", "version: "),
        (edit("note", to="x"), "batch.json", "note: "),
        (edit("count", to=2), "batch.json", "count is not"),
        (edit("cards", to=[]), "batch.json", "cards: "),
        (edit("cards", 1, "chip", to=True), "batch.json", "cards.1.chip"),
        (edit("format", "dpi", to=300), "batch.json", "format.dpi"),
        (edit("format", "width_mm", to=86.0), "batch.json", "format.width_mm"),
        (
            edit("cards", 0, "files", 0, "name", to="../../front.png"),
            "batch.json",
            "cards.0.files.0.name",
        ),
        (edit("cards", 0, "files", 0, "bytes", to=7), "cards[0].files", "size"),
        (edit("cards", 0, "files", 0, "sha256", to="0" * 64), "batch.json", "exactly"),
        (
            edit("cards", 0, "mrz", "lines", 0, to="I<NZLA1234568<6" + "<" * 15),
            "cards[0].mrz",
            "is not machine-readable",
        ),
        (
            edit("cards", 0, "text", "expires_on", to="2034-06-29"),
            "cards[0].mrz",
            "is of another card",
        ),
        (edit("cards", 0, "qr_text", to="ABTC1:A"), "cards[0].qr_text", "no signed"),
        (swap_codes, "cards[0].qr_text", "is of another card"),
        (swap_lines, "cards[0].mrz", "is of another card"),
        (swap_files, "cards[0].files", "are not front, reverse"),
        (mislabel, "cards[0].files", "are not front, reverse"),
        (share_folder, "cards[0].files", "are not front, reverse"),
        (same_files, "batch.json", "exactly the files"),
        (twice, "batch.json", "one document number twice"),
        (same_number, "batch.json", "one document number twice"),
        (lambda m: with_picture(m, b"GIF89a"), FRONT, "is no picture"),
        (lambda m: with_picture(m, PHOTO), FRONT, "is no picture"),
        (lambda m: with_picture(m, LARGE), FRONT, "not of the size of a card"),
        (lambda m: with_picture(m, COARSE), FRONT, "not of the size of a card"),
        (lambda m: with_picture(m, GREY), FRONT, "not of the size of a card"),
    ],
)
def test_hostile_batches_are_refused(
    good: Written,
    tmp_path: Path,
    change: Callable[[Members], Members],
    place: str,
    reason: str,
) -> None:
    """Right hashes do not make a wrong batch right."""
    file = pack(tmp_path / "hostile.zip", change(members_of(good.path)))
    with pytest.raises(BatchError) as refused:
        check(file)
    assert refused.value.place == place
    assert reason in refused.value.reason


def test_the_list_of_hashes_has_to_be_right(good: Written, tmp_path: Path) -> None:
    """Missing, malformed, doubled or of other files."""
    file = tmp_path / "sums.zip"
    members = members_of(good.path)
    sums = members["SHA256SUMS"]
    first = sums.splitlines(keepends=True)[0]
    for text, reason in (
        (sums + first, "is malformed"),
        (sums + b"\xff", "is malformed"),
        (sums.replace(b"  ", b" "), "is malformed"),
        (sums.removeprefix(first), "does not list exactly"),
        (b"", "does not list exactly"),
    ):
        pack(file, {**members, "SHA256SUMS": text}, sums=False)
        with pytest.raises(BatchError, match=f"SHA256SUMS: {reason}"):
            check(file)
    pack(file, drop("SHA256SUMS")(members), sums=False)
    with pytest.raises(BatchError, match="SHA256SUMS: is missing"):
        check(file)
    changed = {**members, FRONT: members[FRONT][:-1] + b"\0"}
    pack(file, changed, sums=False)
    with pytest.raises(BatchError, match=f"{FRONT}: has changed"):
        check(file)


def test_bombs_are_not_unpacked(good: Written, tmp_path: Path) -> None:
    """Nothing is compressed in a batch, so that its size is what it takes."""
    members = members_of(good.path)
    packed = pack(tmp_path / "a.zip", members, compress=zipfile.ZIP_DEFLATED)
    with pytest.raises(BatchError, match="holds a file that is not plain"):
        check(packed)
    large = pack(tmp_path / "b.zip", {**members, FRONT: bytes(MAX_MEMBER + 1)})
    with pytest.raises(BatchError, match="holds a file that is not plain"):
        check(large)
    archive = zipfile.ZipFile(tmp_path / "c.zip", "w")
    archive.writestr("batch.json", b"{}")
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("batch.json", b"{}")
    archive.close()
    with pytest.raises(BatchError, match="too many files, or one twice"):
        check(tmp_path / "c.zip")


def test_files_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """A small archive cannot keep a reader busy with one file under many names."""
    file = tmp_path / "shared.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("batch.json", bytes(10_000))
        for number in range(9):
            shared = copy.copy(archive.filelist[0])
            shared.filename = f"cards/{number:06}/front.png"
            archive.filelist.append(shared)
    with pytest.raises(BatchError, match=r"shared.zip: holds more than its size"):
        check(file)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """A folder, a missing file, a pipe and any other file."""
    file = tmp_path / "a.zip"
    for content in (b"", b"PK\x03\x04", b"%PDF-1.4", os.urandom(500)):
        file.write_bytes(content)
        with pytest.raises(BatchError, match=r"a.zip: is no readable archive"):
            check(file)
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BatchError, match="is no readable archive"):
            check(path)


def test_a_batch_that_changes_after_its_check_is_noticed(
    good: Written, tmp_path: Path
) -> None:
    """Between check and print, a file is compared once more."""
    file = tmp_path / "moving.zip"
    file.write_bytes(good.path.read_bytes())
    batch = read_batch(file, expected_sums_sha256=None)
    front = batch.index.cards[0].files[0]
    assert batch.read(front)
    pack(file, {front.name: b"other"})
    with pytest.raises(BatchError, match="has changed"):
        batch.read(front)
    file.write_bytes(io.BytesIO().getvalue())
    with pytest.raises(BatchError, match="cannot be read any more"):
        batch.read(front)
