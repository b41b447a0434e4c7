"""The demonstration is part of what we promise, so it is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from examples import demo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of pictures and the table of one run."""
    out = tmp_path_factory.mktemp("demo") / "pictures"
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "examples.demo", "--out", out],
        capture_output=True,
        timeout=240,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return out, done.stdout.decode()


def test_every_answer_is_as_expected(played: tuple[Path, str]) -> None:
    """The last lines say so, and no line says WRONG."""
    table = played[1]
    assert "30 of 30 answers and 9 of 9 steps as expected" in table
    assert "WRONG" not in table
    assert max(map(len, table.splitlines())) <= 120


@pytest.mark.parametrize(
    "reason",
    [
        "entry.cleared",
        "entry.not_cleared",
        "entry.form",
        "entry.lane_only",
        "entry.not_required",
        "entry.excluded",
        "entry.withdrawn",
        "entry.granted",
        "passport.mismatch",
        "proof.repeat",
        "proof.stale",
        "proof.device",
        "signature.invalid",
        "status.revoked",
        "status.superseded",
        "status.stale",
        "time.clock",
    ],
)
def test_the_story_is_whole(played: tuple[Path, str], reason: str) -> None:
    """Each thing that can happen to a card is shown, with its code."""
    assert f"     {reason}: " in played[1]


def test_trust_data_travels(played: tuple[Path, str]) -> None:
    """Published, bundled, carried and synced before the first scene, and offline."""
    steps = " ".join(played[1].partition("What the officer is shown")[0].split())
    for line in (
        "Published: the scheme and 10 economies, 121 documents in ",
        "Bundled for AUS, CHN, JPN, RUS, SGP, TWN, USA, VNM: a file each, ",
        "Network blocked: ",
        "Synced from sticks: AUS, CHN, JPN, RUS, SGP, TWN, USA, VNM to version 21, "
        "31 documents new",
    ):
        assert line in steps
        steps = steps.partition(line)[2]


def test_news_counts_once_it_is_carried(played: tuple[Path, str]) -> None:
    """A device gives the old answer with its age until the stick has come."""
    for before, after, old, new in (
        ("Withdrawn an hour ago", "A clearance withdrawn", "cleared", "withdrawn"),
        ("Granted an hour ago", "A clearance granted", "not_cleared", "granted"),
    ):
        assert f" entry.{old}: " in _scene(played[1], before)
        assert "Data as of Sun 22 Nov 18:00, 17 h old." in _scene(played[1], before)
        assert f" entry.{new}: " in _scene(played[1], after)
        assert "Data as of Mon 23 Nov 11:20, 10 min old." in _scene(played[1], after)


def test_d1_an_old_stick_is_refused(played: tuple[Path, str]) -> None:
    """The device names both dates, and goes on with what it has."""
    refused = (
        "Sunday's stick is put into SGP's device again: refused, older than what "
        "this device has seen: published 2026-11-22 10:00:00 UTC, but 2026-11-23 "
        "03:20:00 UTC was seen"
    )
    assert refused in " ".join(played[1].split())
    after = _scene(played[1], "Withdrawn still, after")
    assert " entry.withdrawn: " in after
    assert "Data as of Mon 23 Nov 11:20, 2 days old." in after
    assert "Past half of its time: status, overlay; update soon." in after


def test_d2_t4_a_device_doubts_old_data_and_its_clock(played: tuple[Path, str]) -> None:
    """Data that is too old, and data from the future, give neither red nor green."""
    stale = _scene(played[1], "Four days without")
    set_back = _scene(played[1], "The device's clock")
    assert "Data as of Mon 23 Nov 11:20, 4 days old." in stale
    assert "Data as of Mon 23 Nov 11:20, ahead of this device's clock." in set_back
    assert " CHECK BY HAND " in stale
    assert " CHECK BY HAND " in set_back


def _scene(table: str, title: str) -> str:
    """What the table says of the scene whose title begins so, on one line."""
    texts = re.split(r"\n +[0-9]+  (?=[A-Z])", table)[1:]
    (text,) = (text for text in texts if text.startswith(title))
    return " ".join(text.split())


def test_a_step_that_differs_fails_the_run(tmp_path: Path) -> None:
    """Not only answers count: one document more on a device than expected is told."""
    program = (
        "import sys; from examples import demo, story; story.FIRST['SGP'] -= 1; "
        "story.Story.scenes = lambda self: iter(()); "
        "sys.exit(demo.main(['--out', sys.argv[1]]))"
    )
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-c", program, tmp_path / "pictures"],
        capture_output=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1, done.stderr.decode()
    assert done.stdout.decode().count("WRONG: ") == 1
    assert "0 of 0 answers and 3 of 4 steps as expected" in done.stdout.decode()


def test_pictures_are_written(played: tuple[Path, str]) -> None:
    """Each scene leaves what was shown and its photograph, and all are on one page."""
    out = played[0]
    assert len(list(out.glob("*-shown.png"))) == 30
    assert len(list(out.glob("*-photo.jpg"))) == 30
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.width > 2000


@pytest.mark.parametrize("name", ["folder", "folder/letter.txt"])
def test_a_folder_of_somebody_elses_is_not_emptied(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong --out costs nobody a file."""
    letter = tmp_path / "folder" / "letter.txt"
    letter.parent.mkdir()
    letter.write_text("Dear officer", encoding="utf-8")
    with pytest.raises(SystemExit) as refused:
        demo.main(["--out", str(tmp_path / name)])
    assert refused.value.code == 2
    assert "not from an earlier run" in capsys.readouterr().err
    assert letter.read_text(encoding="utf-8") == "Dear officer"


def test_a_folder_of_an_earlier_run_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is an empty one, and what lay in it is gone before the story begins."""

    class Begun(Exception):  # noqa: N818  # no error
        pass

    def begin(_: Path) -> None:
        raise Begun

    monkeypatch.setattr(demo, "Story", begin)
    for names in ((), ("contact-sheet.png", "keys")):
        for name in names:
            (tmp_path / name).touch()
        with pytest.raises(Begun):
            demo.main(["--out", str(tmp_path)])
        assert not [*tmp_path.iterdir()]


def test_keys_are_private(played: tuple[Path, str]) -> None:
    """All keys lie encrypted in files that only their owner may read.

    Two of each economy for cards and lists; and what signs the repository: three each
    for root and targets, one each for snapshot, timestamp and every economy.
    """
    keys = list((played[0] / "keys").glob("*.pem"))
    assert len(keys) == 2 * 10 + 3 + 3 + 1 + 1 + 10
    for key in keys:
        assert key.stat().st_mode & 0o077 == 0
        assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
