"""A process that reads a published folder over and over while somebody publishes.

    python -m tests.issuer.syncing_reader DESK NAME ROUNDS

Each round is two reads, by a device that has nothing but python-tuf and by a store of
the verifier's. It goes on for so many rounds and until it has seen the state change
twice, and fails at the first thing that a reader must never see. It prints a line after
the first round, and one at the end.
"""

import base64
import json
import sys
import zlib
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import verifier
from tests.issuer.repository_reader import Desk, Device
from tests.simulator import NOW

STATUS: Final = "AUS/status/1.jwt"
OVERLAY: Final = "AUS/overlay/SGP/1.jwt"
_FEWEST_STATES: Final = 3
READ_AT: Final = NOW + timedelta(days=1)


def main(desk: Desk, name: str, rounds: int) -> None:
    """Read so many rounds, and say how many different states were seen."""
    first_root = (desk.public / "metadata/1.root.json").read_bytes()
    device = desk.device(f"{name}-device")
    store = verifier.TrustStore(desk.folder / f"{name}-store")
    seen: list[tuple[int, int, int]] = []
    count = 0
    while count < rounds or len(seen) < _FEWEST_STATES:
        count += 1
        issued, revoked = _read_device(device)
        report = store.sync(desk.public, root=first_root, now=READ_AT)
        _check(report.problems == (), f"problems: {report.problems}")
        stored = _one_moment(store.info().lists.values())
        _check(stored >= issued, "the store is behind the device")
        _check(store.load().version == report.after, "the store loads another")
        state = (report.after, stored, revoked)
        if not seen:
            print("reading", flush=True)  # noqa: T201
            seen.append(state)
        was = seen[-1]
        _check(all(new >= old for new, old in zip(state, was, strict=True)), "back")
        _check(revoked & was[2] == was[2], "un-revoked")
        if state != was:
            seen.append(state)
    print(json.dumps({"rounds": count, "states": len(seen)}))  # noqa: T201


def _read_device(device: Device) -> tuple[int, int]:
    """Return the ``iat`` of both lists, and the status list as one number."""
    found = device.read(STATUS, OVERLAY, now=READ_AT)
    claims = [_claims(found[name]) for name in (STATUS, OVERLAY)]
    _check(claims[0]["iat"] == claims[1]["iat"], "torn")
    entries = zlib.decompress(_b64(claims[0]["status_list"]["lst"]))
    return claims[0]["iat"], int.from_bytes(entries, "little")


def _claims(token: bytes) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(_b64(token.decode().split(".")[1]))
    return claims


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _one_moment(moments: Collection[datetime]) -> int:
    _check(len(set(moments)) == 1, f"torn: {moments}")
    return int(next(iter(moments)).timestamp())


def _check(is_right: bool, problem: str) -> None:
    if not is_right:
        raise SystemExit(problem)


if __name__ == "__main__":
    main(Desk(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
