"""A test that cannot run says so, and in CI it fails."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = """
from tests import components

components.COMPONENTS["tea"] = components.Component(package="kettle", find=lambda: None)
components.COMPONENTS["cup"] = components.Component(package="cup", find=lambda: "/cup")

@components.needs("tea")
def test_one() -> None: ...

@components.needs("tea")
def test_two() -> None: ...

@components.needs("cup")
def test_three() -> None:
    assert components.path_of("cup") == "/cup"
"""


def run(folder: Path, ci: str) -> tuple[int, list[str]]:
    (folder / "test_tea.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-q", folder],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "CI": ci},  # noqa: TID251  # the rest as it is
    )
    return done.returncode, done.stdout.decode().splitlines()


def test_a_missing_component_is_named_once(tmp_path: Path) -> None:
    """Outside CI its tests are skipped, with one line for all of them."""
    status, lines = run(tmp_path, "")
    assert status == 0
    named = [line for line in lines if "kettle" in line]
    assert named == ["component missing: tea (Debian package kettle): 2 tests skipped"]
    assert lines[-1].startswith("1 passed, 2 skipped")


def test_in_ci_a_missing_component_is_an_error(tmp_path: Path) -> None:
    """No test goes missing unseen where changes are judged."""
    status, lines = run(tmp_path, "true")
    assert status == 1
    assert lines[-1].startswith("1 passed, 2 errors")
