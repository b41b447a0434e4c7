"""The example that reads a chip, and the one in the documentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples import epassport
from tests.issuer.epassport.mini_csca import CSCA, DG2, LINES, NOW, Sod, dg1

DOCS = Path(__file__).parents[2] / "docs" / "epassport.md"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "csca").mkdir()
    (tmp_path / "csca/AU.cer").write_bytes(CSCA.der)
    (tmp_path / "sod.bin").write_bytes(Sod().der)
    (tmp_path / "dg1.bin").write_bytes(dg1(LINES))
    (tmp_path / "dg2.bin").write_bytes(DG2)
    return tmp_path


def run(files: Path, *more: str) -> int:
    names = [str(files / f"{name}.bin") for name in ("sod", "dg1", "dg2")]
    return epassport.main(["--anchors", str(files / "csca"), *names, *more], now=NOW)


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        ((), 0, "PROVED   AUS PA1234567, good until 2034-05-06"),
        (("AUS:PA1234567",), 0, "PROVED"),
        (("AUS:PA1234568",), 1, "REFUSED  a genuine chip of another passport"),
    ],
)
def test_one_line_and_a_status(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    status: int,
    told: str,
) -> None:
    assert run(files, *more) == status
    assert capsys.readouterr().out.startswith(told)


def test_bad_usage_is_one_line_and_64(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        epassport.main(["--anchors", str(files / "csca")], now=NOW)
    assert ended.value.code == 64
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_not_proved_says_why(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "dg2.bin").write_bytes(DG2[:-1] + b"x")
    assert run(files) == 1
    assert capsys.readouterr().out == "REFUSED  chip.hash_differs (data group 2)\n"


@pytest.mark.parametrize("spoil", ["number", "file", "folder"])
def test_bad_usage_is_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], spoil: str
) -> None:
    more = ("nonsense",) if spoil == "number" else ()
    if spoil == "file":
        (files / "dg1.bin").unlink()
    if spoil == "folder":
        (files / "csca/AU.cer").write_bytes(b"x")
    assert run(files, *more) == 64
    assert capsys.readouterr().err.count("\n") == 1


def test_the_documentation_runs(files: Path) -> None:
    """With the clock of the day: in it the signer's certificate is not valid yet."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code],
        cwd=files, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(DOCS.parents[1])},
    )  # fmt: skip
    assert done.stdout in {"chip.validity\n", "AUS has signed passport PA1234567\n"}
