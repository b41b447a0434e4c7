"""How many signatures a second, from a key file and from a module (SoftHSM).

The library alone is what python-pkcs11 reaches inside one process, without anything
around it; the rest goes through `issuer.keys`, as a service does.
"""

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import pkcs11

from bench import report
from issuer.hsm import HsmKeys, HsmSettings
from issuer.keys import (
    FileSigner,
    Signer,
    generate_key_file,
    sign_and_check,
    sign_and_check_all,
)

_MODULES: Final = "usr/lib/**/softhsm/libsofthsm2.so"
_PIN, _TOKEN, _KEY = "284619", "bench", "AUS-1"
ROUNDS: Final = 3
"""Of which the best counts: whatever else runs only takes away."""
_MIN_SHARE: Final = 0.5
"""Bar: a module's checked batches in terms of a key file's."""


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    module = max(Path("/").glob(_MODULES), default=None)
    if module is None:
        print("\n  signing: SoftHSM is not there (Debian package softhsm2)\n")
        return
    data = [b"card %d" % number for number in range(2_000 if is_quick else 8_000)]
    with tempfile.TemporaryDirectory() as folder, _token(Path(folder), module) as keys:
        signers: dict[str, Signer] = {
            "key file": _file_signer(Path(folder)),
            "SoftHSM": keys.generate_key(_KEY, "card"),
        }
        rates = _rates(signers, data)
        alone = _library_alone(module, len(data))
    _print(rates, alone)
    share = rates["SoftHSM"]["batch, checked"] / rates["key file"]["batch, checked"]
    bar = report.print_bar(
        "checked batches, of a key file's",
        is_met=share >= _MIN_SHARE,
        says=f"{share:.2f}, bar {_MIN_SHARE}",
    )
    report.save(
        "signing", {"rates": rates, "alone": alone, "bars": [bar]}, is_quick=is_quick
    )


def _rates(
    signers: Mapping[str, Signer], data: Sequence[bytes]
) -> dict[str, dict[str, float]]:
    best = {name: dict.fromkeys(WAYS, 0.0) for name in signers}
    for _ in range(ROUNDS):
        # In turns: whatever else the machine does falls on both.
        for way, sign in WAYS.items():
            for name, signer in signers.items():
                rate = _rate(partial(sign, signer, data), len(data))
                best[name][way] = max(best[name][way], rate)
    return best


def _one_by_one(signer: Signer, data: Sequence[bytes]) -> None:
    for each in data:
        signer.sign(each)


def _checked(signer: Signer, data: Sequence[bytes]) -> None:
    for each in data:
        sign_and_check(signer, each)


def _in_threads(signer: Signer, data: Sequence[bytes]) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(partial(sign_and_check, signer), data):
            pass


WAYS: Final[Mapping[str, Callable[[Signer, Sequence[bytes]], object]]] = {
    "one by one": _one_by_one,
    "one by one, checked": _checked,
    "8 threads, checked": _in_threads,
    "batch, checked": sign_and_check_all,
}


def _rate(work: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


@contextmanager
def _token(folder: Path, module: Path) -> Iterator[HsmKeys]:
    config, pin = folder / "softhsm2.conf", folder / "pin"
    config.write_text(f"directories.tokendir = {folder}\n")
    os.environ["SOFTHSM2_CONF"] = str(config)
    initialise = ["softhsm2-util", "--init-token", "--free", "--label", _TOKEN]
    subprocess.run(  # noqa: S603
        [*initialise, "--pin", _PIN, "--so-pin", _PIN],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    pin.touch(0o600)
    pin.write_text(_PIN)
    settings = HsmSettings(module=module, token=_TOKEN, pin_file=pin)
    with HsmKeys.open(settings) as keys:
        yield keys


def _file_signer(folder: Path) -> FileSigner:
    path = generate_key_file(folder, key_id=_KEY, use="card", passphrase=b"bench")
    return FileSigner.load(path, passphrase=b"bench")


def _library_alone(module: Path, count: int) -> float:
    # Elsewhere: this process is to stay without the library, as a service is.
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_sign_alone, (str(module), count))


def _sign_alone(module: str, count: int) -> float:
    token = pkcs11.lib(module).get_token(token_label=_TOKEN)
    digest = hashlib.sha256(b"card").digest()
    with token.open(user_pin=_PIN) as session:
        query = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
        (key,) = session.get_objects(query)
        sign, how = key.sign, pkcs11.Mechanism.ECDSA  # type: ignore[attr-defined]
        work = partial(_repeat, partial(sign, digest, mechanism=how), count)
        return max(_rate(work, count) for _ in range(ROUNDS))


def _repeat(work: Callable[[], object], count: int) -> None:
    for _ in range(count):
        work()


def _print(rates: Mapping[str, Mapping[str, float]], alone: float) -> None:
    rows = [[way, *(f"{each[way]:,.0f}/s" for each in rates.values())] for way in WAYS]
    rows.append(["library alone, unchecked", "", f"{alone:,.0f}/s"])
    report.print_table("Signatures with ES256", ["", *rates], rows)
