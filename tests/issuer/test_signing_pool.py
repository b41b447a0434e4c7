"""Signing in several processes: the same answers, and secrets that stay in pipes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Timer

import pytest

from issuer.errors import KeyFileError
from issuer.issuance import Credential, Prepared, Refusal
from issuer.keys import FileSigner, KeyRecord, generate_key_file
from issuer.signing_pool import SigningPool
from tests.issuer.test_issuance import DAY, SECOND, URL, prepared, with_claims
from tests.simulator import NOW

PASSPHRASE = b"a passphrase that nobody else has"
BAD = with_claims(prepared(), family_name="jane")


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    return generate_key_file(
        folder, key_id="AUS-card", use="card", passphrase=PASSPHRASE
    )


@pytest.fixture(scope="module")
def key(key_file: Path) -> KeyRecord:
    signer = FileSigner.load(key_file, passphrase=PASSPHRASE)
    return KeyRecord.of(
        signer, issuer_url=URL, signs_from=NOW - DAY, signs_until=NOW + DAY
    )


@pytest.fixture(scope="module")
def pool(key_file: Path) -> Iterator[SigningPool]:
    with SigningPool(key_file, passphrase=PASSPHRASE, processes=2) as pool:
        yield pool


def _batch(cards: int) -> list[Prepared]:
    return [prepared(status_index=index) for index in range(cards)]


def _processes(
    key_file: Path, processes: int = 2
) -> tuple[SigningPool, list[BaseProcess]]:
    before = set(active_children())
    pool = SigningPool(key_file, passphrase=PASSPHRASE, processes=processes)
    pool.sign_many(
        [BAD], key=_record(key_file), now=NOW, last_issued_at=None
    )  # they start when there is work
    return pool, [each for each in active_children() if each not in before]


def _record(key_file: Path) -> KeyRecord:
    signer = FileSigner.load(key_file, passphrase=PASSPHRASE)
    return KeyRecord.of(signer, issuer_url=URL, signs_from=NOW)


def test_i2_a_pool_answers_in_order_and_refuses_a_bad_card_alone(
    pool: SigningPool, key: KeyRecord
) -> None:
    """More cards than one process is given at a time, one of them bad."""
    batch = _batch(200)
    batch[150] = BAD
    results = pool.sign_many(batch, key=key, now=NOW, last_issued_at=NOW)
    refused = results.pop(150)
    del batch[150]
    assert isinstance(refused, Refusal)
    assert refused.reason == "card.malformed"
    for ready, credential in zip(batch, results, strict=True):
        assert isinstance(credential, Credential)
        assert credential.text.startswith(ready.signing_input + ".")
        assert credential.issued_at == NOW


def test_t7_a_pool_asks_the_clock_and_the_key(
    pool: SigningPool, key: KeyRecord
) -> None:
    """What was said of the moment and the key arrives in every process."""
    for now, last, record in [
        (NOW, NOW + SECOND, key),
        (NOW - SECOND, None, key),
        (NOW + DAY, None, key),
    ]:
        (result,) = pool.sign_many(_batch(1), key=record, now=now, last_issued_at=last)
        assert isinstance(result, Refusal)
        assert result.reason == "sign.clock"
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no UTC offset"):
        pool.sign_many([], key=key, now=naive, last_issued_at=None)
    with pytest.raises(ValueError, match="no UTC offset"):
        pool.sign_many([], key=key, now=NOW, last_issued_at=naive)


def test_only_the_published_key_signs_in_a_pool(
    pool: SigningPool, tmp_path: Path
) -> None:
    """Another key of the same name is not what was published."""
    other = generate_key_file(
        tmp_path, key_id="AUS-card", use="card", passphrase=PASSPHRASE
    )
    (result,) = pool.sign_many(
        _batch(1), key=_record(other), now=NOW, last_issued_at=None
    )
    assert result == Refusal(
        reason="sign.failed", detail="key AUS-card is not the one published"
    )


def test_a_pool_complains_about_its_key_file_at_once(key_file: Path) -> None:
    """A wrong passphrase is one clear line, before any process starts."""
    with pytest.raises(KeyFileError, match="the passphrase is wrong"):
        SigningPool(key_file, passphrase=b"another", processes=1)
    with pytest.raises(ValueError, match="greater than 0"):
        SigningPool(key_file, passphrase=PASSPHRASE, processes=0)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc")
def test_r7_the_passphrase_is_in_no_argument_and_no_environment(
    key_file: Path,
) -> None:
    """What other users may read of a process says nothing of it."""
    pool, processes = _processes(key_file)
    with pool:
        assert processes
        for process in processes:
            for file in ("cmdline", "environ"):
                said = Path(f"/proc/{process.pid}/{file}").read_bytes()
                assert said
                assert PASSPHRASE not in said


def _kill(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.kill()
        process.join()


def _signal(processes: list[BaseProcess], number: signal.Signals) -> None:
    for process in processes:
        assert process.pid
        os.kill(process.pid, number)


@pytest.mark.parametrize("is_at_work", [False, True])
def test_h1_cards_of_a_process_that_dies_are_refused(
    key_file: Path, *, is_at_work: bool
) -> None:
    """Nobody waits for ever, and nothing is released twice or by half."""
    pool, processes = _processes(key_file)
    if is_at_work:
        _signal(processes, signal.SIGSTOP)  # so that they cannot be done before
        death = Timer(0.2, _kill, [processes])
        death.start()
    else:
        _kill(processes)
    with pool:
        results = pool.sign_many(
            _batch(130), key=_record(key_file), now=NOW, last_issued_at=None
        )
    assert (
        results
        == [Refusal(reason="sign.failed", detail="a process that signs has ended")]
        * 130
    )


def test_an_interrupt_is_for_the_program_not_for_its_pool(key_file: Path) -> None:
    """A terminal sends it to all; what is begun is ended in order."""
    pool, processes = _processes(key_file, 1)  # of several, one may still be starting
    with pool:
        _signal(processes, signal.SIGINT)
        (result,) = pool.sign_many(
            _batch(1), key=_record(key_file), now=NOW, last_issued_at=None
        )
        assert isinstance(result, Credential)


def test_a_closed_pool_signs_nothing(key_file: Path, key: KeyRecord) -> None:
    """That is the caller's mistake."""
    pool = SigningPool(key_file, passphrase=PASSPHRASE, processes=1)
    pool.close()
    with pytest.raises(ValueError, match="closed"):
        pool.sign_many(_batch(1), key=key, now=NOW, last_issued_at=None)


_OWNER = """
import os, sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])
from tests.issuer.test_signing_pool import _processes

if __name__ == "__main__":
    _, processes = _processes(Path(sys.argv[1]), 1)
    print(*(each.pid for each in processes), flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_r7_no_process_outlives_a_killed_owner_with_its_key(
    key_file: Path, tmp_path: Path
) -> None:
    """Nobody is left to end them, so they end themselves."""
    owner = tmp_path / "owner.py"
    owner.write_text(_OWNER)
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, str(owner), str(key_file), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    left = [int(each) for each in done.stdout.split()]
    assert left
    until = time.monotonic() + 30
    while any(map(_is_alive, left)):
        assert time.monotonic() < until
        time.sleep(0.05)


def _is_alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
