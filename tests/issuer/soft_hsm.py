"""A SoftHSM token of its own, behind a library that has faults on request."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import pytest

from issuer.errors import SignerUnavailable
from issuer.hsm import HsmKeys, HsmSettings
from tests.components import path_of

PIN: Final = "284619"
TOKEN: Final = "abtc test"  # noqa: S105  # its label
_SOURCE = Path(__file__).with_name("faulty_module.c")
_INSIDE = """
import sys, pkcs11
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters
token = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])
def pair(label, curve="secp256r1", **template):
    named = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
    domain = session.create_domain_parameters(KeyType.EC, named, local=True)
    return domain.generate_keypair(store=True, label=label, **template)
with token.open(rw=True, user_pin=sys.argv[3]) as session:
"""
_SERVICE = """
import os, signal, sys, threading, time
from pathlib import Path
from issuer.hsm import HsmKeys, HsmSettings
from issuer.keys import sign_and_check
module, token, pin = sys.argv[1:]
keys = HsmKeys.open(HsmSettings(module=Path(module), token=token, pin_file=Path(pin)))
signer = keys.signer("AUS-1", "card")
"""
_Answer = TypeVar("_Answer")


def build_module(folder: Path) -> None:
    """Compile the library with faults, as ``faulty.so``."""
    module = folder / "faulty.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(module), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=60)  # noqa: S603


def make_token(folder: Path) -> None:
    """Make a token with the PIN `PIN` in a folder, and no key in it."""
    config = configure(folder)
    setting = f"SOFTHSM2_CONF={config}"
    initialise = [
        "env",
        setting,
        "softhsm2-util",
        "--init-token",
        "--free",
        "--label",
        TOKEN,
    ]
    pins = ["--pin", PIN, "--so-pin", "12345678"]
    subprocess.run(  # noqa: S603
        [*initialise, *pins], check=True, timeout=60, stdout=subprocess.DEVNULL
    )


def configure(folder: Path) -> Path:
    """Say that tokens are in a folder of this one; return the file that says so."""
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    return config


class SoftHsm:
    """A copy of a token with the PIN `PIN`, and no key in it.

    Args:
        folder: For the copy.
        made: Where `build_module` and `make_token` have been at work.
        monkeypatch: For what the module finds in the environment.
    """

    def __init__(
        self, folder: Path, made: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.tokens = folder / "tokens"
        self.module = folder / "faulty.so"
        self.pin_file = folder / "pin"
        shutil.copytree(made / "tokens", self.tokens)
        monkeypatch.setenv("SOFTHSM2_CONF", str(configure(folder)))
        monkeypatch.setenv("FAULTY_MODULE_FOLDER", str(folder))
        monkeypatch.setenv("FAULTY_MODULE_REAL", path_of("SoftHSM"))
        self.write_pin(PIN)
        shutil.copy(made / "faulty.so", self.module)

    def settings(self, *, patience: float = 3.0) -> HsmSettings:
        return HsmSettings(
            module=self.module, token=TOKEN, pin_file=self.pin_file, patience=patience
        )

    def write_settings(self) -> Path:
        path = self.folder / "hsm.toml"
        path.write_text(
            f'module = "faulty.so"\ntoken = "{TOKEN}"\npin_file = "pin"\npatience = 3\n'
        )
        path.chmod(0o600)
        return path

    def open(self, *, patience: float = 3.0) -> HsmKeys:
        return HsmKeys.open(self.settings(patience=patience))

    def write_pin(self, pin: str) -> None:
        self.pin_file.write_text(f"{pin}\n")
        self.pin_file.chmod(0o600)

    def fault(self, words: str) -> None:
        (self.folder / "fault").write_text(words)

    def repair(self) -> None:
        (self.folder / "fault").unlink(missing_ok=True)

    def remove_token(self) -> None:
        self.tokens.rename(self.folder / "away")
        self.tokens.mkdir()

    def return_token(self) -> None:
        self.tokens.rmdir()
        (self.folder / "away").rename(self.tokens)

    def count(self, function: str) -> int:
        path = self.folder / "calls"
        return path.read_text().split().count(function) if path.exists() else 0

    def service(self, code: str) -> tuple[int, str]:
        """Run lines of a service that has ``keys`` and a ``signer``."""
        arguments = [str(self.module), TOKEN, str(self.pin_file)]
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-W", "error", "-c", _SERVICE + code, *arguments],
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stderr.decode()

    def inside(self, code: str) -> str:
        """Run lines with a ``session`` of somebody else who knows the PIN."""
        lines = "".join(f"    {line}\n" for line in code.splitlines())
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _INSIDE + lines, path_of("SoftHSM"), TOKEN, PIN],
            check=True,
            timeout=60,
            capture_output=True,
        )
        return done.stdout.decode().strip()


def once_back(call: Callable[[], _Answer]) -> _Answer:
    """Call until the module is back; for 10 s at most."""
    until = time.monotonic() + 10
    while True:
        try:
            return call()
        except SignerUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
