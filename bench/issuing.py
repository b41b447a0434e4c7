"""How many cards an economy signs in a second, beside what signs and looks at nothing.

A card of ours is prepared, judged by the verifier under a throwaway key, signed, its
signature checked, and the signed card packed and unpacked.  The others write the same
claims and sign them.  In every round each contender signs the whole pool; the database
that a back office writes to as well is no part of this.
"""

import re
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK
from matplotlib import pyplot as plt
from sd_jwt.issuer import SDJWTIssuer

from bench import cards, report
from bench.cards import ISSUER_URL, NOW
from issuer.economy import Form
from issuer.issuance import (
    Credential,
    Laboratory,
    Prepared,
    Refusal,
    prepare,
    sign_many,
)
from issuer.jws import PrivateKey
from issuer.keys import (
    FileSigner,
    KeyRecord,
    generate_key_file,
    read_private_key,
    sign_and_check,
)
from issuer.profile import CardData, end_of_day
from issuer.scheme import Scheme
from issuer.signing_pool import SigningPool

POOL: Final = 512
"""Cards of each round."""
MIN_RATE: Final = 1000
"""Bar: cards a second in two processes."""
PROCESSES: Final = 2
FLOOR: Final = "bare OpenSSL sign"
BOUND: Final = "3 bare signs and verifies"
"""What a phone's card cannot do without: its signature, and those of the lint for the
card and for the phone, each checked."""
SD_JWT: Final = "sd-jwt issuer"
PHONE: Final = "ABTC, phone"
PLASTIC: Final = "ABTC, plastic"
TOGETHER: Final = f"ABTC, phone, {PROCESSES} processes"

_FORMS: Final[dict[str, Form]] = {PHONE: "app", PLASTIC: "physical"}
_COLOURS: Final = {FLOOR: report.FLOOR, BOUND: report.FLOOR} | dict.fromkeys(
    (PHONE, PLASTIC, TOGETHER), report.OURS
)
_PASSPHRASE: Final = b"for measuring only"
_SCHEME: Final = Scheme.load()
_ISSUERS: Final[dict[Form, str]] = {"app": "AUS", "physical": "KOR"}
_KEY_ID: Final = "2030-1"
_HEADER: Final = {"alg": "ES256", "kid": _KEY_ID, "typ": "dc+sd-jwt"}
_ES256 = ec.ECDSA(hashes.SHA256())
_Batch = Callable[[], object]
_Found = TypeVar("_Found")


class Office(NamedTuple):
    """What an economy signs with."""

    signer: FileSigner
    private_key: PrivateKey
    key: KeyRecord
    pool: SigningPool


class Stages(NamedTuple):
    """Microseconds that one card takes in one process, by what they are spent on."""

    prepare: float
    lint: float
    signature: float
    """By the key, and checked."""
    rest: float
    """Clock, key, packing of what was signed, and what it is filed under."""


def run(*, is_quick: bool) -> None:
    """Measure, print, plot and save."""
    rounds = 3 if is_quick else 10
    with tempfile.TemporaryDirectory() as folder:
        path = generate_key_file(
            Path(folder), key_id=_KEY_ID, use="card", passphrase=_PASSPHRASE
        )
        with SigningPool(path, passphrase=_PASSPHRASE, processes=PROCESSES) as pool:
            office = _office(path, pool)
            rates = _rates(office, rounds)
            stages = {name: _stages(office, form) for name, form in _FORMS.items()}
            memory = _memory(office)
    _print(rates, stages, memory)
    bar = report.print_bar(
        f"at least {MIN_RATE} cards/s in {PROCESSES} processes, without a database",
        is_met=rates[TOGETHER] >= MIN_RATE,
        says=f"{rates[TOGETHER]:.0f}",
    )
    _plot(rates)
    found = {
        "cards_per_second": rates,
        "share_of_bare_signatures": {name: _share(rates, name) for name in rates},
        "microseconds": {name: each._asdict() for name, each in stages.items()},
        "memory_bytes": memory,
        "bars": [bar],
    }
    report.save(
        "issuing", {**found, "cards": POOL, "rounds": rounds}, is_quick=is_quick
    )


def _office(path: Path, pool: SigningPool) -> Office:
    signer = FileSigner.load(path, passphrase=_PASSPHRASE)
    key = KeyRecord.of(
        signer, issuer_url=ISSUER_URL, signs_from=NOW - timedelta(days=1)
    )
    private_key = read_private_key(path, passphrase=_PASSPHRASE)
    return Office(signer, private_key, key, pool)


def _prepared(number: int, form: Form) -> Prepared:
    issuer = _ISSUERS[form]
    url = _SCHEME.economy(issuer).issuer_url
    card = CardData(
        issuer=issuer,
        document_number=f"AB{number:07d}",
        family_name="CITIZEN",
        given_name="JANE ALEXANDRA",
        birthdate=date(1980, 5, 4),
        nationality=issuer,
        passport_country=issuer,
        passport_number=f"PA{number:07d}",
        passport_expires_on=date(2034, 6, 30),
        form=form,
        economies=_SCHEME.destinations(issuer, issuer, NOW),
    )
    return prepare(
        card,
        scheme=_SCHEME,
        key_id=_KEY_ID,
        holder_key=cards.holder_key(number).public_key() if form == "app" else None,
        status_uri=f"{url}/status/{number % 4}",
        status_index=number * 251,
        iat=NOW,
        exp=end_of_day(date(2034, 6, 30)),
    )


def _batch(form: Form) -> list[Prepared]:
    return [_prepared(number, form) for number in range(POOL)]


# Rates


def _rates(office: Office, rounds: int) -> dict[str, float]:
    """Return cards a second, the median of all rounds."""
    contenders = _contenders(office)
    for batch in contenders.values():
        batch()  # keys of phones, caches, and the processes' start
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        names = list(contenders)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - started)
    return {name: POOL / statistics.median(each) for name, each in seconds.items()}


def _contenders(office: Office) -> dict[str, _Batch]:
    batch = _batch("app")
    texts = [each.signing_input.encode() for each in batch]
    claims = [each.claims for each in batch]
    return {
        FLOOR: lambda: [office.private_key.sign(text, _ES256) for text in texts],
        BOUND: partial(_bound, office.private_key, texts),
        **{name: partial(_ours, office, form) for name, form in _FORMS.items()},
        TOGETHER: partial(_ours_together, office),
        "PyJWT encode": partial(_pyjwt, office.private_key, claims),
        "joserfc encode": partial(_joserfc, office.private_key, claims),
        SD_JWT: partial(_sd_jwt, office.private_key, claims),
    }


def _bound(key: PrivateKey, texts: list[bytes]) -> None:
    public_key = key.public_key()
    for text in texts:
        for _ in range(3):
            public_key.verify(key.sign(text, _ES256), text, _ES256)


def _ours(office: Office, form: Form) -> None:
    _check(
        sign_many(
            _batch(form), office.signer, key=office.key, now=NOW, last_issued_at=None
        )
    )


def _ours_together(office: Office) -> None:
    _check(
        office.pool.sign_many(
            _batch("app"), key=office.key, now=NOW, last_issued_at=None
        )
    )


def _check(results: list[Credential | Refusal]) -> None:
    refused = [each for each in results if isinstance(each, Refusal)]
    assert not refused, refused[0]


def _pyjwt(key: PrivateKey, claims: list[dict[str, Any]]) -> None:
    for each in claims:
        jwt.encode(each, key, algorithm="ES256", headers=_HEADER)


def _joserfc(key: PrivateKey, claims: list[dict[str, Any]]) -> None:
    own = ECKey.import_key(key)
    for each in claims:
        joserfc_jwt.encode(_HEADER, each, own, algorithms=["ES256"])


def _sd_jwt(key: PrivateKey, claims: list[dict[str, Any]]) -> None:
    own = JWK.from_pyca(key)
    for each in claims:
        SDJWTIssuer(each, own, extra_header_parameters=_HEADER)


# Stages and memory


def _stages(office: Office, form: Form) -> Stages:
    laboratory = Laboratory()
    spent = [_stages_of(office, laboratory, number, form) for number in range(POOL)]
    return Stages(*map(statistics.median, zip(*spent, strict=True)))


def _stages_of(
    office: Office, laboratory: Laboratory, number: int, form: Form
) -> Stages:
    prepared, preparing = _timed(lambda: _prepared(number, form))
    text = prepared.signing_input.encode()
    _, linting = _timed(lambda: laboratory.lint(prepared, now=NOW))
    _, signing = _timed(lambda: sign_and_check(office.signer, text))
    _, everything = _timed(
        lambda: sign_many(
            [prepared],
            office.signer,
            key=office.key,
            now=NOW,
            last_issued_at=None,
            laboratory=laboratory,
        )
    )
    return Stages(preparing, linting, signing, everything - linting - signing)


def _timed(run: Callable[[], _Found]) -> tuple[_Found, float]:
    started = time.perf_counter_ns()
    found = run()
    return found, (time.perf_counter_ns() - started) / 1000


def _memory(office: Office) -> dict[str, int]:
    """Return bytes: what one card adds to a batch at its peak, and a process's peak."""
    batch = _batch("app")
    tracemalloc.start()
    _check(
        sign_many(batch, office.signer, key=office.key, now=NOW, last_issued_at=None)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    found = {"batch_peak_per_card": peak // POOL}
    workers = [child.pid for child in active_children() if child.pid]
    if workers and Path("/proc").exists():
        found["process_peak"] = max(map(_peak_of, workers))
    return found


def _peak_of(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def _share(rates: dict[str, float], name: str) -> float:
    return rates[name] / rates[FLOOR]


def _print(
    rates: dict[str, float], stages: dict[str, Stages], memory: dict[str, int]
) -> None:
    report.print_table(
        f"Issuing, {POOL} cards at a time",
        ["", "cards/s", "share of bare signatures", "times sd-jwt"],
        [
            [name, f"{rate:.0f}", f"{_share(rates, name):.1%}", _of_peer(rates, name)]
            for name, rate in rates.items()
        ],
    )
    report.print_table(
        "One card in one process, microseconds",
        ["", *Stages._fields],
        [[name, *(f"{each:.0f}" for each in spent)] for name, spent in stages.items()],
    )
    print(
        "  ABTC: prepared, judged by the verifier, signed, checked, packed, unpacked."
    )
    print("  Others: the same claims encoded and signed, and nothing looked at.")
    print(
        "  "
        + ", ".join(f"{name}: {each / 1000:.1f} kB" for name, each in memory.items())
    )
    print()


def _of_peer(rates: dict[str, float], name: str) -> str:
    return f"{rates[name] / rates[SD_JWT]:.2f}"


def _plot(rates: dict[str, float]) -> None:
    report.use_plain_style()
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for row, (name, rate) in enumerate(rates.items()):
        axes.barh(row, rate, color=_COLOURS.get(name, report.PEER))
        axes.text(rate * 1.05, row, f"{rate:.0f}", va="center")
    report.name_bars(axes, list(rates))
    axes.set_xscale("log")
    axes.axvline(MIN_RATE, color=report.OURS, linewidth=0.8, linestyle="--")
    axes.set_xlabel("cards a second, logarithmic; dashed: our bar")
    axes.set_title("Issuing", loc="left")
    report.save_figure(figure, "issuing")
    plt.close(figure)
