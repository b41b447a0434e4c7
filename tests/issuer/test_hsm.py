"""Keys in a hardware module, and everything that can be wrong with it."""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from issuer import hsm as hsm_module
from issuer.errors import (
    KeyFileError,
    PinRefused,
    SettingsError,
    SignerUnavailable,
    SigningError,
)
from issuer.hsm import MAX_PATIENCE, HsmKeys, HsmSettings, HsmSigner
from issuer.hsm_worker import process
from issuer.hsm_worker.process import Worker
from issuer.jws import is_signed_by
from issuer.keys import KeyRecord, sign_and_check, sign_and_check_all
from tests.components import needs
from tests.issuer.soft_hsm import PIN, TOKEN, SoftHsm, once_back
from tests.simulator import NOW

pytestmark = [needs("SoftHSM"), needs("C compiler")]
URL = "https://abtc.example/AUS"
_DEAD = os.WEXITED | os.WNOWAIT


def card_key(hsm: SoftHsm, *, patience: float = 3.0) -> HsmSigner:
    """A signer of a new card key, in a session that has just signed."""
    keys = HsmKeys(hsm.settings(patience=patience))
    once_back(keys.names)
    return keys.generate_key("AUS-1", "card")


# Keys


def test_a_key_made_inside_the_module_signs(hsm: SoftHsm) -> None:
    """Made, listed, found again by its name, and good for what is published of it."""
    with hsm.open() as keys:
        assert keys.names() == ()
        made = keys.generate_key("AUS-1", "card")
        keys.generate_key("AUS-1", "status")
        assert keys.names() == (("AUS-1", "card"), ("AUS-1", "status"))
    with hsm.open() as keys:
        signer = keys.signer("AUS-1", "card")
        assert (signer.key_id, signer.use) == ("AUS-1", "card")
        assert signer.public_key == made.public_key
        signature = sign_and_check(signer, b"data")
        assert is_signed_by(made.public_key, b"data", signature)
        record = KeyRecord.of(signer, issuer_url=URL, signs_from=NOW)
        assert record.is_proven_for(URL)


def test_a_key_made_inside_the_module_never_leaves_it(hsm: SoftHsm) -> None:
    """Not readable, not exportable, and it signs and does nothing else."""
    with hsm.open() as keys:
        keys.generate_key("AUS-1", "card")
    wanted = "SENSITIVE EXTRACTABLE NEVER_EXTRACTABLE LOCAL SIGN DECRYPT UNWRAP DERIVE"
    text = hsm.inside(
        "key = session.get_key(object_class=ObjectClass.PRIVATE_KEY)\n"
        f"names = {wanted.split()}\n"
        "print([int(key[Attribute[name]]) for name in names])\n"
        "try: print(key[Attribute.VALUE])\n"
        "except pkcs11.AttributeSensitive: print('kept')"
    )
    assert text == "[1, 0, 1, 1, 1, 0, 0, 0]\nkept"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("pass", "the token has 0 private keys of that label"),
        ("pair('AUS-1.card'); pair('AUS-1.card')", "has 2 private keys of that label"),
        ("pair('AUS-1.card', curve='secp384r1')", "its private half is not on P-256"),
        (
            "pair('AUS-1.card', private_template={Attribute.EXTRACTABLE: True})",
            "it may leave the module",
        ),
        (
            "pair('AUS-1.card', private_template={Attribute.SENSITIVE: False})",
            "it may leave the module",
        ),
        ("pair('AUS-1.card')[0].destroy()", "has 0 public keys of that label"),
    ],
    ids=["none", "two", "P-384", "extractable", "plain", "half"],
)
def test_a_key_that_is_none_of_ours_is_not_used(
    hsm: SoftHsm, made: str, reason: str
) -> None:
    """What another tool has put under the name is looked at before it signs."""
    hsm.inside(made)
    with hsm.open() as keys, pytest.raises(SigningError, match=reason) as it:
        keys.signer("AUS-1", "card")
    assert type(it.value) is SigningError  # not one that is worth another attempt


def test_a_key_is_never_made_twice(hsm: SoftHsm) -> None:
    """Neither by us nor over an object of somebody else's."""
    signer = card_key(hsm)
    with hsm.open() as keys:
        with pytest.raises(SigningError, match=r"key AUS-1\.card exists already"):
            keys.generate_key("AUS-1", "card")
        assert keys.signer("AUS-1", "card").public_key == signer.public_key


def test_h1_a_key_whose_making_had_no_answer_is_not_made_again(hsm: SoftHsm) -> None:
    """The session was lost on the way: it may be there, or not."""
    keys = hsm.open()
    hsm.fault("C_GenerateKeyPair done 0x30")
    with pytest.raises(SignerUnavailable, match="DeviceError"):
        keys.generate_key("AUS-1", "card")
    assert hsm.count("C_GenerateKeyPair") == 1
    assert once_back(keys.names) == (("AUS-1", "card"),)
    assert sign_and_check(keys.signer("AUS-1", "card"), b"data")


def test_names_that_are_not_ours_are_passed_over(hsm: SoftHsm) -> None:
    """A token may hold other keys; and a malformed name is the caller's mistake."""
    hsm.inside("pair('tls'); pair('a b.card'); pair('AUS-1.other'); pair('AUS-2.card')")
    with hsm.open() as keys:
        assert keys.names() == (("AUS-2", "card"),)
        for key_id, use in [("../x", "card"), ("AUS-1", "both")]:
            with pytest.raises(ValueError, match=r"key id|use"):
                keys.generate_key(key_id, use)  # type: ignore[arg-type]


def test_many_threads_and_many_signatures(hsm: SoftHsm) -> None:
    """Each gets its own signature, in one session."""
    signer = card_key(hsm)
    data = [b"%d" % number for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        for each, signature in zip(data, pool.map(signer.sign, data), strict=True):
            assert is_signed_by(signer.public_key, each, signature)
    for each, signature in zip(data, sign_and_check_all(signer, data), strict=True):
        assert is_signed_by(signer.public_key, each, signature)
    assert sign_and_check_all(signer, []) == []
    assert hsm.count("C_Initialize") == 1


# H1: the session is lost

LOST = {
    "session handle": "C_SignInit return 0xB3",
    "key handle": "C_SignInit return 0x60",
    "session closed": "C_Sign return 0xB0",
    "device error": "C_Sign return 0x30",
    "device removed": "C_Sign return 0x32",
    "token not present": "C_Sign return 0xE0",
    "not logged in": "C_SignInit return 0x101",
    "general error": "C_Sign return 0x5",
    "vendor's own": "C_Sign return 0x80000042",
    "crash": "C_Sign die 0",
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
def test_h1_a_lost_session_is_opened_again(hsm: SoftHsm, fault: str) -> None:
    """The very call that meets it succeeds, with one login more."""
    signer = card_key(hsm)
    hsm.fault(f"{fault} once")
    assert sign_and_check(signer, b"data")
    assert (hsm.count("C_Initialize"), hsm.count("C_Login")) == (2, 2)


def test_h1_a_session_lost_within_a_batch(hsm: SoftHsm) -> None:
    """What was signed stays; the rest is signed in the next session."""
    signer = card_key(hsm)
    data = [b"%d" % number for number in range(100)]
    hsm.fault("C_Sign return 0xB3 once")
    assert len(sign_and_check_all(signer, data)) == 100
    assert (hsm.count("C_Login"), hsm.count("C_Sign")) == (2, 102)


def test_h1_a_module_that_stays_away_is_said_to_be(hsm: SoftHsm) -> None:
    """No loop, no hammering, and it works again when the module does."""
    signer = card_key(hsm)
    hsm.fault("C_Sign return 0x30")
    with pytest.raises(SignerUnavailable, match="token abtc test: DeviceError"):
        sign_and_check(signer, b"data")
    assert hsm.count("C_Initialize") == 2
    for _ in range(5):
        with pytest.raises(SignerUnavailable, match="token abtc test: DeviceError"):
            sign_and_check(signer, b"data")
    assert hsm.count("C_Initialize") == 2
    hsm.repair()
    assert once_back(lambda: sign_and_check(signer, b"data"))


def test_h1_the_token_is_removed(hsm: SoftHsm) -> None:
    """Gone, signing fails; back in its place, it goes on, with the same key."""
    signer = card_key(hsm)
    hsm.remove_token()
    with pytest.raises(SignerUnavailable, match="NoSuchToken"):
        sign_and_check(signer, b"data")
    hsm.return_token()
    assert once_back(lambda: sign_and_check(signer, b"data"))


_FORK = """
keys._turn.acquire()  # as if another thread were signing
child = os.fork()
if child == 0:
    sign_and_check(signer, b"child")
    sys.exit(7)
keys._turn.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
sign_and_check(signer, b"parent")
"""


def test_h1_a_forked_child_has_a_session_of_its_own(hsm: SoftHsm) -> None:
    """It neither uses its parent's nor ends it, whatever a thread was doing."""
    with hsm.open() as keys:
        keys.generate_key("AUS-1", "card")
    before = hsm.count("C_Initialize")
    assert hsm.service(_FORK) == (0, "")
    assert hsm.count("C_Initialize") == before + 2


_KILLED = """
(Path(module).parent / "worker").write_text(str(keys._worker._process.pid))
if how == "hanging":
    (Path(module).parent / "fault").write_text("C_Sign sleep 200")
    threading.Thread(target=signer.sign, args=(b"data",), daemon=True).start()
    while "fault-seen" not in (Path(module).parent / "calls").read_text():
        time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["idle", "hanging"])
def test_h1_the_session_ends_with_its_process(hsm: SoftHsm, how: str) -> None:
    """A killed service leaves nobody behind who is logged in."""
    with hsm.open() as keys:
        keys.generate_key("AUS-1", "card")
    assert hsm.service(f"how = {how!r}\n{_KILLED}") == (-signal.SIGKILL, "")
    worker = Path("/proc") / (hsm.folder / "worker").read_text()
    while worker.exists():  # the test's own limit ends this
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_h1_a_signal_to_all_processes_ends_no_session(
    hsm: SoftHsm, number: signal.Signals
) -> None:
    """The service is stopped by itself first, and signs what it has begun."""
    signer = card_key(hsm)
    os.kill(worker_of(signer), number)
    assert sign_and_check(signer, b"data")
    assert hsm.count("C_Initialize") == 1


def worker_of(signer: HsmSigner) -> int:
    assert signer._keys._worker
    return signer._keys._worker._process.pid


# H2: the PIN


def attempts(hsm: SoftHsm) -> int:
    return hsm.count("C_Login")


def test_h2_a_wrong_pin_is_tried_once(hsm: SoftHsm) -> None:
    """Not again by the next call, nor by the next process, until the file changes."""
    hsm.write_pin("000000")
    with pytest.raises(PinRefused, match="the PIN was refused"):
        hsm.open()
    keys = HsmKeys(hsm.settings())
    for _ in range(3):
        with pytest.raises(PinRefused, match="the PIN was refused before; see "):
            keys.names()
        with pytest.raises(PinRefused, match="the PIN was refused before; see "):
            hsm.open()
    hsm.write_pin("000000")  # the same, written anew by some machinery
    with pytest.raises(PinRefused):
        hsm.open()
    assert attempts(hsm) == 1
    hsm.write_pin(PIN)
    assert once_back(keys.names) == ()
    assert attempts(hsm) == 2
    hsm.write_pin("000000")  # and back
    with pytest.raises(PinRefused):
        hsm.open()
    assert attempts(hsm) == 2


def test_h2_processes_that_start_together_try_once(hsm: SoftHsm) -> None:
    """Four workers of a web server with a wrong PIN are one attempt."""
    hsm.write_pin("000000")
    with ThreadPoolExecutor(4) as pool:
        opened = [pool.submit(hsm.open) for _ in range(4)]
    assert all(isinstance(each.exception(), PinRefused) for each in opened)
    assert attempts(hsm) == 1


@pytest.mark.parametrize(
    "answer", ["0xA0", "0xA1", "0xA2", "0xA3", "0xA4", "0x102"], ids=lambda text: text
)
def test_h2_whatever_the_refusal_it_is_the_last(hsm: SoftHsm, answer: str) -> None:
    """Incorrect, invalid, of wrong length, expired, locked, not initialised."""
    hsm.fault(f"C_Login return {answer}")
    for _ in range(3):
        with pytest.raises(PinRefused, match="the PIN was refused"):
            hsm.open()
    hsm.repair()
    with pytest.raises(PinRefused, match="the PIN was refused before"):
        hsm.open()
    assert attempts(hsm) == 1


@pytest.mark.parametrize("fault", ["die 0", "return 0x30", "sleep 30"])
def test_h2_an_attempt_without_an_answer_counts(hsm: SoftHsm, fault: str) -> None:
    """Nobody knows whether the module has counted it, so it is not repeated."""
    hsm.fault(f"C_Login {fault}")
    with pytest.raises(SignerUnavailable):
        hsm.open(patience=1)
    hsm.repair()
    with pytest.raises(PinRefused, match="tried before, without an answer; see ") as it:
        hsm.open()
    assert attempts(hsm) == 1
    Path(str(it.value).rpartition("see ")[2]).unlink()  # as the message says
    assert hsm.open().names() == ()


def test_h2_a_pin_that_was_good_may_be_tried_again(hsm: SoftHsm) -> None:
    """A module that is away during the login of a restart does not stop the service."""
    hsm.open().close()
    for fault in ("die 0", "return 0x30"):
        hsm.fault(f"C_Login {fault}")
        with pytest.raises(SignerUnavailable) as it:
            hsm.open()
        assert not isinstance(it.value, PinRefused)
    hsm.repair()
    assert hsm.open().names() == ()


def test_h2_a_pin_that_was_changed_in_the_module_is_tried_once(hsm: SoftHsm) -> None:
    """That it was good yesterday earns it one attempt, not one for each restart."""
    hsm.open().close()
    hsm.inside(f"session.set_pin({PIN!r}, '111111')")
    for _ in range(3):
        with pytest.raises(PinRefused):
            hsm.open()
    assert attempts(hsm) == 2


def test_h2_a_locked_token_is_not_even_tried(hsm: SoftHsm) -> None:
    """The token says that it is locked, or one attempt away from it."""
    hsm.fault("C_GetTokenInfo flags 0x40000")
    with pytest.raises(PinRefused, match="the token is locked"):
        hsm.open()
    hsm.fault("C_GetTokenInfo flags 0x20000")
    with pytest.raises(PinRefused, match="one wrong PIN more would lock the token"):
        hsm.open()
    assert attempts(hsm) == 0
    hsm.repair()
    hsm.open().close()
    hsm.fault("C_GetTokenInfo flags 0x20000")
    assert hsm.open().names() == ()  # this one is known to be right


def test_h2_a_record_that_was_cut_allows_no_more(hsm: SoftHsm) -> None:
    """Power fails while the refusal is being written: the attempt still counts."""
    hsm.write_pin("000000")
    with pytest.raises(PinRefused):
        hsm.open()
    record = hsm.settings().record
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + lines[1][:-3])
    with pytest.raises(PinRefused, match="without an answer"):
        hsm.open()
    assert attempts(hsm) == 1
    hsm.write_pin(PIN)
    hsm.open().close()
    hsm.open().close()  # the new lines stand by themselves
    hsm.write_pin("000000")
    with pytest.raises(PinRefused):
        hsm.open()
    assert attempts(hsm) == 3


def test_h2_without_a_record_no_pin_is_tried(hsm: SoftHsm) -> None:
    """Where the attempt cannot be written down it is not made."""
    hsm.settings().record.mkdir()
    with pytest.raises(SignerUnavailable, match="Is a directory"):
        hsm.open()
    assert attempts(hsm) == 0


def test_h2_a_pin_from_elsewhere_is_tried_once_too(hsm: SoftHsm) -> None:
    """A PIN that is in no file has a record as well."""
    record = hsm.folder / "record"
    good = HsmSettings(
        module=hsm.module, token=TOKEN, pin=PIN.encode(), pin_record=record
    )
    bad = HsmSettings(module=hsm.module, token=TOKEN, pin=b"000000", pin_record=record)
    assert HsmKeys.open(good).names() == ()
    for _ in range(2):
        with pytest.raises(PinRefused):
            HsmKeys.open(bad)
    assert attempts(hsm) == 2


@pytest.mark.parametrize("pin", [PIN, "000000"], ids=["right", "wrong"])
def test_r7_the_pin_is_written_nowhere(
    hsm: SoftHsm, pin: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in the record, a message, a representation, a command line or a log."""
    hsm.write_pin(pin)
    settings = HsmSettings(
        module=hsm.module, token=TOKEN, pin=pin.encode(), pin_record=hsm.folder / "rec"
    )
    keys = HsmKeys(settings)
    try:
        keys.names()
        assert keys._worker
        process = Path(f"/proc/{keys._worker._process.pid}")
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except PinRefused as error:
        shown = repr(error).encode()
    texts = [
        repr(settings),
        repr(keys),
        *capfd.readouterr(),
        settings.record.read_text(),
    ]
    assert pin not in " ".join(texts) + shown.decode()
    assert settings.record.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"284619", 0o644, "mode 0644 lets others at it"),
        (b"284619", 0o640, "mode 0640 lets others at it"),
        (b"", 0o600, "holds no PIN"),
        (b"\n", 0o600, "holds no PIN"),
        (b"1" * 256, 0o600, "holds no PIN"),
        (b"\xff", 0o600, "is not UTF-8"),
    ],
)
def test_r7_a_pin_file_open_to_others_or_empty_is_refused(
    hsm: SoftHsm, content: bytes, mode: int, reason: str
) -> None:
    """The start is refused, with file and reason; the module is not asked."""
    hsm.pin_file.write_bytes(content)
    hsm.pin_file.chmod(mode)
    with pytest.raises(KeyFileError, match=reason) as it:
        hsm.open()
    assert it.value.file == str(hsm.pin_file)
    assert hsm.count("C_Initialize") == 0


def test_r7_a_crash_writes_no_pin_to_disk(hsm: SoftHsm) -> None:
    """The process that knows the PIN leaves no core."""
    signer = card_key(hsm)
    limits = Path(f"/proc/{worker_of(signer)}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if "core file size" in line]
    assert core.split()[4:6] == ["0", "0"]


# H3: bad results

BAD = {
    "bit flip": "C_Sign flip 0",
    "63 bytes": "C_Sign short 0",
    "other data": "C_Sign other 0",
}


@pytest.mark.parametrize("fault", BAD.values(), ids=BAD)
def test_h3_a_bad_signature_is_not_released(hsm: SoftHsm, fault: str) -> None:
    """Not by itself, not within a batch, and not when the key is opened."""
    signer = card_key(hsm)
    hsm.fault(fault)
    with pytest.raises(SigningError, match="answered no signature of its own"):
        sign_and_check(signer, b"data")
    with hsm.open() as keys, pytest.raises(SigningError, match="no signature of its"):
        keys.signer("AUS-1", "card")
    hsm.fault(f"{fault} once")
    with pytest.raises(SigningError, match="answered no signature of its own"):
        sign_and_check_all(signer, [b"%d" % number for number in range(100)])
    assert sign_and_check(signer, b"data")


def test_h3_a_key_swapped_inside_the_module_is_noticed(hsm: SoftHsm) -> None:
    """Another pair under the same name: the running service and a restart see it."""
    signer = card_key(hsm)
    record = KeyRecord.of(signer, issuer_url=URL, signs_from=NOW)
    hsm.inside(
        "for each in list(session.get_objects()): each.destroy()\npair('AUS-1.card')"
    )
    with pytest.raises(SigningError):
        sign_and_check(signer, b"data")
    signer._keys.close()
    with pytest.raises(SigningError, match="answered no signature of its own"):
        sign_and_check(signer, b"data")
    with hsm.open() as keys:
        assert not record.is_of(keys.signer("AUS-1", "card"))


def test_h3_halves_of_two_keys_are_noticed(hsm: SoftHsm) -> None:
    """A public key that is not the private one's is not published."""
    hsm.inside(
        "pair('AUS-1.card')[0].destroy()\n"
        "pair('x')[0].copy({Attribute.LABEL: 'AUS-1.card'})"
    )
    with hsm.open() as keys, pytest.raises(SigningError, match="no signature of its"):
        keys.signer("AUS-1", "card")


# H4: it hangs


def test_h4_a_hang_is_left_behind(hsm: SoftHsm) -> None:
    """The call ends long before the module does, and the next one works."""
    signer = card_key(hsm, patience=1)
    hsm.fault("C_Sign sleep 30 once")
    with pytest.raises(SignerUnavailable, match="token abtc test: it hangs"):
        sign_and_check(signer, b"data")
    assert once_back(lambda: sign_and_check(signer, b"data"))
    assert hsm.count("woke") == 0


def test_h4_nobody_waits_for_one_who_hangs(hsm: SoftHsm) -> None:
    """All who wait are told, and nothing stays locked."""
    signer = card_key(hsm, patience=1)
    hsm.fault("C_Sign sleep 30")
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(signer.sign, b"data") for _ in range(6)]
    assert all(isinstance(each.exception(), SignerUnavailable) for each in calls)
    hsm.repair()
    assert once_back(lambda: sign_and_check(signer, b"data"))
    assert hsm.count("woke") == 0


def test_h4_who_waits_too_long_for_others_is_told(hsm: SoftHsm) -> None:
    """What nobody has begun to sign is not signed later either."""
    signer = card_key(hsm)
    signed = hsm.count("C_Sign")
    signer._keys.settings = hsm.settings(patience=0.1)
    with signer._keys._turn:  # another thread is asking, again and again
        with pytest.raises(SignerUnavailable, match="it is busy"):
            sign_and_check(signer, b"data")
        with pytest.raises(SignerUnavailable, match="it is busy"):
            signer._keys.names()
    assert sign_and_check(signer, b"other")
    assert hsm.count("C_Sign") == signed + 1


@pytest.mark.parametrize("function", ["C_Initialize", "C_OpenSession", "C_Login"])
def test_h4_a_hang_while_opening(
    hsm: SoftHsm, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up after a while, and begun anew."""
    monkeypatch.setattr(hsm_module, "_OPENING", 1.5)
    signer = card_key(hsm, patience=1)
    signer._keys.close()
    hsm.fault(f"{function} sleep 30 once")
    with pytest.raises(SignerUnavailable, match="it is not open yet"):
        sign_and_check(signer, b"data")
    assert once_back(lambda: sign_and_check(signer, b"data"))
    assert hsm.count("woke") == 0


def test_h4_a_module_that_opens_slowly_is_left_to(hsm: SoftHsm) -> None:
    """It may take longer than a call waits; the next call finds it open."""
    signer = card_key(hsm, patience=1)
    signer._keys.close()
    before = hsm.count("C_Initialize")
    hsm.fault("C_Initialize sleep 2 once")
    with pytest.raises(SignerUnavailable, match="it is not open yet"):
        sign_and_check(signer, b"data")
    assert once_back(lambda: sign_and_check(signer, b"data"))
    assert hsm.count("C_Initialize") == before + 1


_INTERRUPTED = """
import signal
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.5)
(Path(module).parent / "fault").write_text("C_Sign sleep 30 once")
try:
    signer.sign(b"data")
except KeyboardInterrupt:
    sign_and_check(signer, b"other")
    sys.exit(7)
"""


def test_h4_an_interrupted_call_leaves_no_answer_behind(hsm: SoftHsm) -> None:
    """Otherwise each later call would be answered with the signature before it."""
    with hsm.open() as keys:
        keys.generate_key("AUS-1", "card")
    assert hsm.service(_INTERRUPTED) == (7, "")
    assert hsm.count("woke") == 0


def test_h4_a_killed_process_that_lingers_is_waited_for_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for it now, and it is no dead process for ever."""
    monkeypatch.setattr(process, "_PARTING", 0.0)
    before = len(process._HELD)
    while len(process._HELD) == before:  # a quick one may be gone at once
        Worker({"do": "open"}).end()
    lingering = process._HELD[-1]
    assert os.waitid(os.P_PID, lingering.pid, _DEAD)
    next_one = Worker({"do": "open"})
    assert lingering.returncode == -signal.SIGKILL
    assert lingering not in process._HELD
    monkeypatch.undo()
    next_one.kill()


def test_h4_the_longest_wait_is_within_the_bound() -> None:
    """A call takes its patience, and what it takes to end two processes."""
    longest = MAX_PATIENCE + hsm_module._LEAST + 0.6
    assert longest < 5
    assert hsm_module._OPENING + hsm_module._HOLD < 10


# L15: ten faults in one life

FAULTS = {
    "session handle": "C_SignInit return 0xB3",
    "device error": "C_Sign return 0x30",
    "token gone": "C_Initialize return 0xE0",
    "crash": "C_Sign die 0",
    "sessions exhausted": "C_OpenSession return 0xB1",
    "bit flip": "C_Sign flip 0",
    "63 bytes": "C_Sign short 0",
    "other data": "C_Sign other 0",
    "hang": "C_Sign sleep 30",
    "hang at login": "C_Login sleep 30",
}


def test_l15_ten_faults_of_the_module(
    hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One service lives through all, releases nothing bad and always recovers."""
    monkeypatch.setattr(hsm_module, "_OPENING", 2.0)
    signer = card_key(hsm, patience=1)
    released = 0
    for name, fault in FAULTS.items():
        if "C_Sign" not in fault:
            signer._keys.close()  # as after an idle night
        hsm.fault(fault)
        for number in range(3):
            with pytest.raises(SigningError) as it:
                sign_and_check(signer, b"%d" % number)
            is_bad = "answered no signature of its own" in str(it.value)
            assert is_bad == (name in {"bit flip", "63 bytes", "other data"}), name
            assert is_bad != isinstance(it.value, SignerUnavailable), name
        hsm.repair()
        assert once_back(lambda: sign_and_check(signer, b"data")), name
        released += 1
    assert released == len(FAULTS) == 10
    assert hsm.count("woke") == 0
    hsm.write_pin("000000")
    before = attempts(hsm)
    for _ in range(3):
        with pytest.raises(PinRefused):
            hsm.open()
    assert attempts(hsm) == before + 1


# Settings


def test_settings_from_a_file(hsm: SoftHsm) -> None:
    """Paths are relative to the file."""
    path = hsm.write_settings()
    assert HsmSettings.load(path) == HsmSettings(
        module=hsm.module, token=TOKEN, pin_file=hsm.pin_file, patience=3
    )
    assert HsmSettings.load(path).record == hsm.folder / "pin.abtc%20test.attempts"


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("module = 1", "module", "is no known key, or of another type"),
        ('pin = "284619"', "pin", "is no known key, or of another type"),
        ("patience = true", "patience", "is no known key, or of another type"),
        ("patience = 0", "patience", "must be above 0 and up to 3.5"),
        ("patience = 3.6", "patience", "must be above 0 and up to 3.5"),
        ("patience = nan", "patience", "must be above 0 and up to 3.5"),
        ('token = ""', "token", "must be a label of 1 to 32 bytes"),
        (f'token = "{"é" * 17}"', "token", "must be a label of 1 to 32 bytes"),
        ("[", "", "invalid"),
        ("#" * 16 * 1024, "", "is larger than 16 KiB"),
    ],
)
def test_settings_that_say_something_else(
    tmp_path: Path, text: str, key: str, reason: str
) -> None:
    """File, key and reason; what is a PIN is not read from here."""
    kept = {"module": "m.so", "token": "t", "pin_file": "pin"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in kept.items()]
    path = tmp_path / "hsm.toml"
    wanted = [line for line in lines if not line.startswith(f"{key} =") or not key]
    path.write_text("\n".join([*wanted, text]))
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=reason) as it:
        HsmSettings.load(path)
    assert (it.value.file, it.value.key) == (str(path), key)


@pytest.mark.parametrize("key", ["module", "token", "pin_file"])
def test_settings_that_leave_something_out(tmp_path: Path, key: str) -> None:
    """None of the three has a default."""
    kept = {"module": "m.so", "token": "t", "pin_file": "pin"}
    del kept[key]
    path = tmp_path / "hsm.toml"
    path.write_text("\n".join(f'{name} = "{value}"' for name, value in kept.items()))
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=f"{key}: is missing"):
        HsmSettings.load(path)


def test_r7_settings_that_others_can_change_are_refused(hsm: SoftHsm) -> None:
    """Whoever can change them has a library of his own loaded, with the PIN."""
    path = hsm.write_settings()
    path.chmod(0o660)
    with pytest.raises(KeyFileError, match="mode 0660 lets others at it"):
        HsmSettings.load(path)


def test_settings_of_a_caller(tmp_path: Path) -> None:
    """One PIN, a record for it, and absolute paths."""
    path = tmp_path / "x"
    for given, reason in [
        ({}, "exactly one PIN"),
        ({"pin": b"1", "pin_file": path}, "exactly one PIN"),
        ({"pin": b"1"}, "pin_record"),
        ({"pin_file": Path("x")}, "absolute"),
    ]:
        with pytest.raises(ValueError, match=reason):
            HsmSettings(module=path, token=TOKEN, **given)  # type: ignore[arg-type]


def test_without_the_extra(hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line says what to install."""
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(SignerUnavailable, match=r"install abtc with .* abtc\[hsm\]"):
        hsm.open()


def test_a_library_that_is_none(hsm: SoftHsm) -> None:
    """Missing, or no PKCS #11: one line that says which."""
    hsm.module.unlink()
    with pytest.raises(SignerUnavailable, match="while loading"):
        hsm.open()
    hsm.module.write_text("text")
    with pytest.raises(SignerUnavailable, match="while loading"):
        hsm.open()
