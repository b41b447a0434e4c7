"""The demonstration is part of what we promise, so it is run."""

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
    assert "27 of 27 answers as expected" in table
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


def test_pictures_are_written(played: tuple[Path, str]) -> None:
    """Each scene leaves what was shown and its photograph, and all are on one page."""
    out = played[0]
    assert len(list(out.glob("*-shown.png"))) == 27
    assert len(list(out.glob("*-photo.jpg"))) == 27
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
    """The economies' keys lie encrypted in files that only their owner may read."""
    keys = list((played[0] / "keys").glob("*.pem"))
    assert len(keys) == 20
    for key in keys:
        assert key.stat().st_mode & 0o077 == 0
        assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
