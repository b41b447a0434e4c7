"""The demonstration of all three: it starts, publishes, and ends when it is told to."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket
from urllib.request import urlopen

import pytest

import verifier

pytestmark = pytest.mark.enable_socket
AT = re.compile(r"(apply|show) +(http://\S+)|(http://127\.0\.0\.1:\d+/start\?key=\S+)")


@pytest.fixture
def served(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "examples.serve", str(tmp_path / "office")]
    few = ["--travellers", "4", "--economy", "AUS", "--economy", "SGP"]
    with subprocess.Popen(  # noqa: S603  # no word of it is anybody else's
        [*command, *few, "--port", str(three_ports())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.terminate()  # it ends its servers, which a killed one could not
        process.wait(60)


def three_ports() -> int:
    """A port that is free, and so are the next two."""
    for first in range(21_000, 31_000, 3):
        with ExitStack() as opened:
            try:
                for port in range(first, first + 3):
                    each = opened.enter_context(socket(AF_INET, SOCK_STREAM))
                    each.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no three ports in a row are free")


def test_office_wallet_and_console_run_together(
    served: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert served.stdout is not None
    places: set[str] = set()
    said: list[str] = []
    while len(places) < 3:
        line = served.stdout.readline()
        assert line, "".join(said)
        said.append(line)
        places.update(found[2] or found[3] for found in AT.finditer(line))
    for place in places:
        with urlopen(place, timeout=30) as answer:  # noqa: S310  # on this machine
            assert answer.status == 200
    trust = verifier.TrustStore(tmp_path / "office/device/store").load()
    assert [each.economy for each in trust.issuers] == ["AUS", "SGP"]
    served.send_signal(signal.SIGTERM)
    assert served.wait(60) == 0
    for place in places:
        with pytest.raises(OSError, match="refused"):
            urlopen(place, timeout=30)  # noqa: S310  # on this machine
