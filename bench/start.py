"""One start of a device, in a process of its own: ``STORE ECONOMY CODE NOW``.

Prints one JSON object: seconds, and bytes resident, after each step.
"""

import json
import re
import sys
import time
from datetime import datetime
from pathlib import Path


def main() -> None:
    """Import, load, decide; say what each took."""
    folder, economy, code, now = sys.argv[1:]
    found: dict[str, float] = {"bare_bytes": resident()}
    started = time.perf_counter()
    import verifier  # noqa: PLC0415  # it is what is measured

    found |= _step("import", started)
    started = time.perf_counter()
    store = verifier.TrustStore(folder)
    trust = store.load()
    found |= _step("load", started)
    started = time.perf_counter()
    store.load()
    found |= _step("reload", started)
    policy, moment = verifier.Policy(economy=economy), datetime.fromisoformat(now)
    for step in ("first", "second"):
        started = time.perf_counter()
        decision = verifier.verify(
            code,
            trust=trust,
            policy=policy,
            expected_passport=None,
            expected_challenge=None,
            now=moment,
        )
        found |= _step(step, started)
        assert isinstance(decision, verifier.Accepted), decision
    started = time.perf_counter()
    import verifier.scan  # noqa: PLC0415

    found |= _step("scan", started)
    print(json.dumps(found))


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def _step(name: str, started: float) -> dict[str, float]:
    seconds = time.perf_counter() - started
    return {f"{name}_seconds": seconds, f"{name}_bytes": resident()}


if __name__ == "__main__":
    main()
