"""The distribution in an environment that has nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = {
    "abtc",
    "securesystemslib",
    "tuf",
    "urllib3",
    "cbor2",
    "cffi",
    "cryptography",
    "pycparser",
    "pyjwt",
    "pip",
    "setuptools",
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with `pip install .` done."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)  # noqa: S603
    python = folder / "bin" / "python"
    constraints = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    subprocess.run(  # noqa: S603
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            ROOT,
        ],
        check=True,
        timeout=300,
        env={**os.environ, **constraints},  # noqa: TID251  # pip needs its settings
        cwd=folder,
    )
    return python


def run(python: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [python, *arguments],
        capture_output=True,
        check=True,
        timeout=120,
        cwd=python.parent,
    )
    return done.stdout.decode().strip()


def test_install_brings_only_what_a_device_needs(python: Path) -> None:
    """No web framework, database or picture library comes with `pip install .`."""
    listed = run(
        python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"
    )
    names = {
        line.partition("==")[0].lower().partition(" @")[0]
        for line in listed.splitlines()
    }
    assert "abtc" in names
    assert names <= NEEDED | {"typing_extensions"}


def test_installed_verifier_works(python: Path) -> None:
    """The installed package imports, decides and has its command."""
    code = (
        "import verifier; print(verifier.unpack.__module__, len(verifier.__all__) > 20)"
    )
    assert run(python, "-c", code) == "verifier._packing True"
    assert "unpack" in run(python.parent / "abtc-verify", "--help")


def test_installed_package_is_typed_and_complete(python: Path) -> None:
    """The wheel carries the type marker and the scheme's configuration."""
    code = (
        "from importlib.resources import files; "
        "print(files('verifier').joinpath('py.typed').is_file(), "
        "files('issuer').joinpath('scheme.toml').is_file())"
    )
    assert run(python, "-c", code) == "True True"


def test_the_issuer_s_command_names_the_missing_extra(python: Path) -> None:
    """Where only the verifier is installed, one line and a status, no traceback."""
    done = subprocess.run(  # noqa: S603
        [python.with_name("abtc-issuer"), "publish", "status"],
        capture_output=True,
        check=False,
        timeout=120,
        cwd=python.parent,
    )
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (1, 1)
    assert said.endswith("install abtc with its extra: abtc[issuer]\n")
