"""Runs the HC1 reader in an environment of its own, because ``cwt`` needs old cbor2."""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import cards, formats, report
from bench.cards import PrivateKey

if TYPE_CHECKING:
    from bench.verification import Item

FLOORS: Final = {"HC1": "one verify", "HC1 + phone's COSE": "two verifies"}
"""By contender, what it cannot do without."""
_PINS: Final = report.ROOT / "bench" / "constraints-hc1.txt"
_READER: Final = report.ROOT / "bench" / "hc1_reader.py"
_ENVIRONMENT: Final = report.ROOT / ".venv-bench-hc1"
_PYTHON: Final = _ENVIRONMENT / "bin" / "python"
_MARK: Final = _ENVIRONMENT / "installed.txt"


def measure(
    pool: Sequence["Item"], rounds: int, now: datetime
) -> dict[str, list[float]]:
    """Return microseconds by contender, or nothing if the reader cannot be had."""
    try:
        _prepare()
    except subprocess.CalledProcessError as error:
        print(f"  HC1 is left out, its environment could not be made:\n{error.stderr}")
        return {}
    job = {
        "rounds": rounds,
        "key": _pem(cards.card_key()),
        "key_id": cards.CARD_KEY_ID,
        "items": [_job_item(item, now) for item in pool],
    }
    times: dict[str, list[float]] = json.loads(
        _output_of("-P", str(_READER), feed=json.dumps(job))
    )
    return times


def _prepare() -> None:
    pins = _PINS.read_text()
    if _MARK.exists() and _MARK.read_text() == pins:
        return
    print("  making .venv-bench-hc1")
    subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "venv", "--clear", _ENVIRONMENT],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    _output_of("-m", "pip", "install", "--quiet", "--requirement", str(_PINS))
    _MARK.write_text(pins)


def _output_of(*arguments: str, feed: str = "") -> str:
    done = subprocess.run(  # noqa: S603  # the interpreter made above
        [_PYTHON, *arguments], input=feed, check=True, capture_output=True, text=True
    )
    return done.stdout


def _job_item(item: "Item", now: datetime) -> dict[str, Any]:
    holder = item.holder
    claims = cards.claims(holder, at=now)
    without_key = {name: claims[name] for name in claims if name != "cnf"}
    moment = int(now.timestamp())
    return {
        "card": formats.hc1(without_key),
        "proof": formats.hc1_with_proof(claims, holder, moment),
        "holder": _pem(cards.holder_key(holder.number)),
        "signed": [
            [base64.b64encode(part).decode() for part in pair] for pair in item.signed
        ],
    }


def _pem(key: PrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
