"""The same server as in the tests of the wallet, and libraries of other people.

The libraries are fetched once, as ``package-lock.json`` has them; where that cannot be,
these tests are skipped, but not in CI.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.components import MISSING
from tests.wallet_api.conftest import small

__all__ = ["small"]
HERE = Path(__file__).parent
FILES = (
    "package.json",
    "package-lock.json",
    ".npmrc",
    "common.mjs",
    "wallet.mjs",
    "present.mjs",
)
LIBRARIES = HERE.parents[1] / "build" / "interop"


@pytest.fixture(scope="session")
def libraries() -> Path:
    """The libraries beside the programs that use them; made once for each lock."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((HERE / name).read_bytes())
    folder = LIBRARIES / digest.hexdigest()[:16]
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(HERE / name, folder / name)
        _install(folder)
        (folder / "ready").touch()
    return folder


def _install(folder: Path) -> None:
    command = [_npm(), "ci", "--ignore-scripts"]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, capture_output=True, timeout=240, check=False
    )
    if done.returncode == 0:
        return
    reason = f"{MISSING}libraries of tests/interop (npm ci: {done.returncode})"
    if os.environ.get("CI") == "true":  # noqa: TID251  # as the services set it
        pytest.fail(f"{reason}\n{done.stderr.decode()}", pytrace=False)
    pytest.skip(reason)


def _npm() -> str:
    found = shutil.which("npm")
    if found is None:
        pytest.skip(f"{MISSING}npm (Debian package npm)")
    return found
