"""What a chip's data proves, and every way in which it does not."""

from base64 import encodebytes
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.epassport import (
    Anchors,
    Chip,
    ChipRefusal,
    Proved,
    Refused,
    Typed,
    authenticate,
    load_anchors,
)
from issuer.epassport._asn1 import parse_certificates, parse_revocations
from issuer.epassport._keys import _CURVES, FIELDS
from issuer.errors import SettingsError
from tests.issuer.epassport import mini_csca as mini
from tests.issuer.epassport.mini_csca import (
    CSCA,
    DG2,
    LINES,
    NOW,
    SIGNED_AT,
    SIGNER,
    Cert,
    Pair,
    Sod,
    dg1,
    master_list,
    revocations,
    tlv,
)

DAY = timedelta(days=1)
TYPED = Typed(
    country="AUS",
    number="PA1234567",
    family_name="CITIZEN",
    given_name="JANE MARY",
    nationality="AUS",
    birthdate=date(1985, 3, 14),
    expires_on=date(2034, 5, 6),
)


def anchors(*certificates: Cert, **changes: Any) -> Anchors:
    found = [parse_certificates(each.der)[0] for each in certificates or (CSCA,)]
    return Anchors(certificates=tuple(found), **changes)


def read(
    sod: Sod | bytes | None = None,
    *,
    by: Anchors | None = None,
    expected: Typed | None = TYPED,
    now: Any = NOW,
    **files: Any,
) -> Proved | Refused:
    """What comes of reading a chip, by default a good one."""
    made = sod if isinstance(sod, bytes) else (sod or Sod()).der
    chip = Chip(**{"sod": made, "dg1": dg1(LINES), "dg2": DG2, **files})
    return authenticate(chip, anchors=by or anchors(), expected=expected, now=now)


def code(found: Proved | Refused) -> str:
    return "proved" if isinstance(found, Proved) else found.code.value


def under(signer: Cert = SIGNER, **changes: Any) -> Cert:
    return replace(signer, **changes)


# What is proved


def test_a_genuine_passport_is_proved() -> None:
    """What is told of it is what its state has signed."""
    found = read()
    assert isinstance(found, Proved)
    assert (found.country, found.number) == ("AUS", "PA1234567")
    assert found.expires_on == date(2034, 5, 6)
    assert found.signed_at == SIGNED_AT
    assert found.portrait_sha256 == mini.digest("sha256", DG2).hex()
    assert found.signer == mini.digest("sha256", SIGNER.der).hex()
    assert found.authority == mini.digest("sha256", CSCA.der).hex()
    assert found.lds_version is None


@pytest.mark.parametrize(
    "pair",
    [
        Pair(name="a", curve="P-384", hash_name="sha384"),
        Pair(name="b", curve="P-521", hash_name="sha512"),
        Pair(name="c", curve="brainpoolP256r1"),
        Pair(name="d", curve="brainpoolP384r1", hash_name="sha384"),
        Pair(name="e", curve="brainpoolP512r1", hash_name="sha512"),
        Pair(name="f", is_written_out=True),
        Pair(name="g", curve="brainpoolP256r1", is_written_out=True),
        Pair(name="h", hash_name="sha224"),
        Pair(name="i", kind="rsa"),
        Pair(name="j", kind="rsa", hash_name="sha512"),
        Pair(name="k", kind="pss"),
        Pair(name="l", kind="pss", hash_name="sha384", salt=48),
        Pair(name="m", kind="pss", salt=20),
    ],
    ids=lambda pair: f"{pair.kind}-{pair.curve}-{pair.hash_name}-{pair.is_written_out}",
)
def test_every_way_in_which_states_sign(pair: Pair) -> None:
    """Both the authority and the signer, by curves named or written out, and RSA."""
    authority = replace(CSCA, pair=replace(pair, name=f"csca {pair.name}"))
    signer = under(pair=pair, by=authority)
    assert code(read(Sod(signer=signer), by=anchors(authority))) == "proved"


def test_the_signature_need_not_name_its_hash() -> None:
    """CMS lets RSA leave it out; the digest's counts."""
    signer = under(pair=Pair(name="n", kind="rsa", names_hash=False))
    assert code(read(Sod(signer=signer))) == "proved"


@pytest.mark.parametrize(
    "sod",
    [
        Sod(hash_name="sha512"),
        Sod(digest_name="sha384"),
        Sod(version=1, lds=("0108", "040000")),
        Sod(signed_at=None),
        Sod(by_key_id=True),
        Sod(held=[CSCA, SIGNER]),
        Sod(files={1: dg1(LINES), 2: DG2, 14: b"x", 15: b"y"}),
    ],
    ids=["hash", "digest", "lds 1.8", "no time", "key id", "two", "more files"],
)
def test_what_else_may_be_otherwise(sod: Sod) -> None:
    """Hashes, versions and optional parts, as Doc 9303 allows them."""
    found = read(sod)
    assert isinstance(found, Proved)
    assert found.lds_version == (sod.lds[0] if sod.lds else None)


def test_nothing_typed_is_nothing_compared() -> None:
    """The caller says so; the chip's own number is told."""
    assert code(read(expected=None)) == "proved"


# What is not


def twice() -> bytes:
    """What is signed of two files, and of the first once more."""
    files = ((1, dg1(LINES)), (2, DG2), (1, dg1(LINES)))
    pairs = [
        mini.seq(mini.num(number), mini.octets(mini.digest("sha256", data)))
        for number, data in files
    ]
    hash_ = mini.hash_algorithm("sha256")
    return mini.seq(mini.num(0), hash_, mini.seq(*pairs))


def test_files_that_were_changed() -> None:
    """Another portrait, or other lines, are not those that were signed."""
    assert code(read(dg2=DG2[:-1] + b"x")) == "chip.hash_differs"
    other = LINES.replace("PA1234567", "PA1234576")
    assert code(read(dg1=dg1(other))) == "chip.hash_differs"
    assert code(read(Sod(files={1: dg1(LINES), 3: DG2}))) == "chip.hash_missing"
    assert code(read(Sod(files={2: DG2, 3: DG2}))) == "chip.hash_missing"


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "signature": (lambda: Sod(spoil=True), "chip.signature"),
    "other content": (
        lambda: Sod(message_digest=mini.digest("sha256", b"other")),
        "chip.signature",
    ),
    "other type signed": (lambda: Sod(said_type="1.2.3"), "chip.signature"),
    "no certificate": (lambda: Sod(held=[]), "chip.no_signer"),
    "another's certificate": (lambda: Sod(held=[CSCA]), "chip.no_signer"),
    "another's key": (
        lambda: Sod(signer=under(pair=Pair(name="x")), held=[SIGNER]),
        "chip.signature",
    ),
    "unknown authority": (
        lambda: Sod(signer=under(by=replace(CSCA, common="Nobody"))),
        "chip.unknown_issuer",
    ),
    "name of the authority": (
        lambda: Sod(
            signer=under(
                by=replace(CSCA, pair=Pair(name="thief"), has_key_ids=False),
                has_key_ids=False,
            )
        ),
        "chip.unknown_issuer",
    ),
    "the authority itself": (lambda: Sod(signer=CSCA), "chip.usage"),
    "may not sign": (lambda: Sod(signer=under(usage=0x40)), "chip.usage"),
    "says no usage": (lambda: Sod(signer=under(usage=None)), "chip.usage"),
    "is an authority": (lambda: Sod(signer=under(is_authority=True)), "chip.usage"),
    "unknown and critical": (
        lambda: Sod(
            signer=under(extra=mini.extension("1.2.3.4", mini.NULL, critical=True))
        ),
        "chip.usage",
    ),
    "signed before": (
        lambda: Sod(signed_at=SIGNER.not_before - DAY),
        "chip.validity",
    ),
    "signed after": (
        lambda: Sod(signer=under(not_after=SIGNED_AT - DAY)),
        "chip.validity",
    ),
    "signed in the future": (lambda: Sod(signed_at=NOW + DAY), "chip.validity"),
    "signer has ended": (
        lambda: Sod(signer=under(not_after=NOW - DAY)),
        "chip.validity",
    ),
    "another state": (lambda: Sod(signer=under(country="NZ")), "chip.state"),
    "no state": (lambda: Sod(signer=under(country=None)), "chip.state"),
    "sha1": (lambda: Sod(digest_name="sha1"), "chip.algorithm"),
    "sha1 of files": (lambda: Sod(hash_name="sha1"), "chip.algorithm"),
    "sha1 signature": (
        lambda: Sod(signer=under(pair=Pair(name="y", hash_name="sha1"))),
        "chip.algorithm",
    ),
    "short RSA": (
        lambda: Sod(signer=under(pair=Pair(name="z", kind="rsa", bits=1024))),
        "chip.algorithm",
    ),
    "a file twice": (lambda: Sod(content=twice()), "chip.malformed"),
    "lds version": (lambda: Sod(version=2), "chip.malformed"),
    "not a security object": (lambda: Sod(content_type="1.2.3"), "chip.malformed"),
    "empty content": (lambda: Sod(content=b""), "chip.malformed"),
    "cut": (lambda: Sod().der[:-1], "chip.malformed"),
    "followed": (lambda: Sod().der + b"x", "chip.malformed"),
    "without its tag": (lambda: Sod().cms, "chip.malformed"),
    "nothing": (lambda: b"", "chip.malformed"),
    "too large": (lambda: b"\x77" * (64 * 2**10 + 1), "chip.too_large"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_security_object_that_proves_nothing(case: str) -> None:
    """Each has one thing wrong, and is refused for that."""
    made, expected = REFUSED[case]
    assert code(read(made())) == expected


@pytest.mark.parametrize("spoiled", ["p", "a", "b", "order", "base"])
def test_j14_a_curve_written_out_must_be_a_known_one(spoiled: str) -> None:
    """Who chooses the base point forges for any key: every number is compared."""
    good = Pair(name="csca w", is_written_out=True)
    if spoiled == "base":
        pair = replace(good, base=2)
    else:
        value = dict(zip(("p", "a", "b", "order"), mini.P256, strict=True))[spoiled]
        pair = replace(good, changed={spoiled: value - 2})
    authority = replace(CSCA, pair=pair)
    found = read(Sod(signer=under(by=authority)), by=anchors(authority))
    assert code(found) == "chip.unknown_issuer"
    signer = under(pair=replace(pair, name="ds w"))
    assert code(read(Sod(signer=signer))) == "chip.algorithm"


@pytest.mark.parametrize("identifier", FIELDS)
def test_the_curves_are_what_the_library_knows(identifier: str) -> None:
    """The base point lies on the curve, and the order brings it round."""
    p, a, b, order = FIELDS[identifier]
    curve = _CURVES[identifier]
    first = ec.derive_private_key(1, curve).public_key().public_numbers()
    assert (first.y**2 - first.x**3 - a * first.x - b) % p == 0
    last = ec.derive_private_key(order - 1, curve).public_key().public_numbers()
    assert (last.x, last.y) == (first.x, p - first.y)


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        (replace(CSCA, usage=0x80), "chip.usage"),
        (replace(CSCA, is_authority=False), "chip.usage"),
        (replace(CSCA, not_after=SIGNED_AT - DAY), "chip.validity"),
        (replace(CSCA, not_before=SIGNED_AT + DAY), "chip.validity"),
        # It may have ended since: what it signed while it was valid stays signed.
        (replace(CSCA, not_after=SIGNED_AT + DAY), "proved"),
    ],
)
def test_an_authority_at_the_time_of_signing(authority: Cert, expected: str) -> None:
    """It must have been allowed to certify, when the passport was signed."""
    assert (
        code(read(Sod(signer=under(by=authority)), by=anchors(authority))) == expected
    )


def test_the_right_one_of_several_authorities() -> None:
    """A state renews its authority under the same name; each signs its own."""
    newer = replace(CSCA, pair=Pair(name="newer"))
    both = anchors(newer, CSCA)
    assert code(read(by=both)) == "proved"
    assert code(read(Sod(signer=under(by=newer)), by=both)) == "proved"
    assert (
        code(read(Sod(signer=under(by=newer)), by=anchors())) == "chip.unknown_issuer"
    )


def test_d9_a_state_signs_its_own_passports_only() -> None:
    """New Zealand's authority is trusted, and yet proves no passport of Australia."""
    authority = replace(CSCA, country="NZ", pair=Pair(name="nz"))
    signer = under(country="NZ", by=authority)
    assert code(read(Sod(signer=signer), by=anchors(authority))) == "chip.state"
    borrowed = under(by=authority)
    assert code(read(Sod(signer=borrowed), by=anchors(authority))) == "chip.state"
    unknown = anchors(replace(CSCA, country="XX"))
    signer = under(country="XX", by=replace(CSCA, country="XX"))
    assert code(read(Sod(signer=signer), by=unknown)) == "chip.state"


def test_a_revoked_signer() -> None:
    """Where a list is given, whom it names proves nothing; others do."""
    lists = [revocations(CSCA, *each) for each in ((1, 1001), (1,), ())]
    found = [
        code(read(by=anchors(revocations=(parse_revocations(each),)))) for each in lists
    ]
    assert found == ["chip.revoked", "proved", "proved"]
    theirs = parse_revocations(revocations(NZ, 1001))
    assert code(read(by=anchors(revocations=(theirs,)))) == "proved"


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"number": "PA1234568"}, "number"),
        ({"country": "NZL"}, "country"),
        ({"birthdate": date(1985, 3, 15)}, "birthdate"),
        ({"nationality": "NZL"}, "nationality"),
        ({"given_name": "JANET"}, "names"),
        ({"expires_on": date(2034, 5, 7)}, "expires_on"),
    ],
)
def test_the_chip_of_another_passport(changes: dict[str, Any], differs: str) -> None:
    """A genuine chip that is not what was typed is told as that, and in what."""
    found = read(expected=replace(TYPED, **changes))
    assert found == Refused(ChipRefusal.DIFFERS, differs)


@pytest.mark.parametrize(
    "lines",
    [
        LINES.replace("PA1234567", "PA1234568"),  # its check digit is wrong
        LINES[:-1],
        LINES + "<",
        LINES.lower(),
        LINES.replace("\n", "<", 1),
        "",
    ],
)
def test_lines_that_cannot_be_read(lines: str) -> None:
    """Signed, and yet no machine-readable zone."""
    made = dg1(lines)
    assert code(read(Sod(files={1: made, 2: DG2}), dg1=made)) == "chip.mrz"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("dg1", tlv(0x75, b"x")),
        ("dg1", tlv(0x61, tlv(0x5F20, LINES.encode()))),
        ("dg1", b""),
        ("dg2", tlv(0x61, b"x")),
        ("dg2", b""),
        ("dg2", DG2 + b"x"),
    ],
)
def test_files_that_are_something_else(name: str, data: bytes) -> None:
    """Signed, and yet not what the file's name says."""
    files: dict[str, Any] = {"dg1": dg1(LINES), "dg2": DG2, name: data}
    sod = Sod(files={1: files["dg1"], 2: files["dg2"]})
    assert code(read(sod, **files)) == "chip.malformed"


@pytest.mark.parametrize(("name", "most"), [("dg1", 1_024), ("dg2", 512 * 2**10)])
def test_d4_files_that_are_too_large(name: str, most: int) -> None:
    """One byte more than a passport has is not looked at."""
    longer: dict[str, Any] = {name: bytes(most + 1)}
    longest: dict[str, Any] = {name: bytes(most)}
    assert code(read(**longer)) == "chip.too_large"
    assert code(read(**longest)) == "chip.hash_differs"


def test_a_naive_moment_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        read(now=NOW.replace(tzinfo=None))


# Hostile bytes


GOOD = Sod().der


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, len(GOOD) - 1),
    st.binary(min_size=1, max_size=6),
    st.integers(0, 6),
)
def test_no_bytes_of_a_chip_raise(place: int, put: bytes, gone: int) -> None:
    """Whatever is changed anywhere: an answer, and never that it is proved."""
    spoiled = GOOD[:place] + put + GOOD[place + gone :]
    found = read(spoiled)
    assert isinstance(found, Refused) or spoiled == GOOD or _is_elsewhere(place)


def _is_elsewhere(place: int) -> bool:
    """Parts that nothing depends on: the list of digests before the content."""
    return place < 60


@pytest.mark.parametrize(
    "pair",
    [
        Pair(name="o", kind="pss", said_salt=2**31),
        Pair(name="o", kind="pss", said_salt=2**70),
        Pair(name="o", kind="pss", said_salt=-1),
        Pair(name="o", kind="rsa", said_exponent=-3),
        Pair(name="o", kind="rsa", said_exponent=2),
    ],
    ids=lambda pair: f"{pair.said_salt}-{pair.said_exponent}",
)
def test_j10_numbers_that_no_machine_word_holds_are_refused(pair: Pair) -> None:
    """Whoever makes up a chip makes up its signer too, and all that it says."""
    assert code(read(Sod(signer=under(pair=pair)))) == "chip.algorithm"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_as_any_file(data: bytes) -> None:
    """Wholly made up, bare and within the right tag."""
    for each in (data, tlv(0x77, data)):
        assert isinstance(read(each), Refused)
    assert isinstance(read(dg1=data), Refused)


# Whom an installation trusts


def folder_of(tmp_path: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (tmp_path / name.replace("_", ".")).write_bytes(data)
    return tmp_path


def pem(*certificates: Cert) -> bytes:
    return b"".join(
        b"-----BEGIN CERTIFICATE-----\n"
        + encodebytes(each.der)
        + b"-----END CERTIFICATE-----\n"
        for each in certificates
    )


NZ = Cert(pair=Pair(name="NZL csca"), country="NZ")
LISTER = Cert(
    pair=Pair(name="lister"),
    common="Master List Signer",
    by=CSCA,
    serial=2002,
    usage=0x80,
    is_authority=False,
    purposes=["2.23.136.1.1.3"],
)


@pytest.mark.parametrize("files", [{"a_pem": pem(NZ, CSCA)}, {"a_cer": CSCA.der}])
def test_a_folder_of_certificates(tmp_path: Path, files: dict[str, bytes]) -> None:
    """PEM with several, or DER; what else lies there does not matter."""
    folder = folder_of(tmp_path, README_txt=b"x", **files)
    assert code(read(by=load_anchors(folder, now=NOW))) == "proved"


def test_a_master_list_that_a_known_authority_vouches_for(tmp_path: Path) -> None:
    """Its certificates count as if they lay there; one that is broken is counted."""
    listed = master_list([NZ.der, CSCA.der, b"\x30\x03\x02\x01\x01"], LISTER)
    folder = folder_of(tmp_path, a_pem=pem(CSCA), b_ml=listed)
    found = load_anchors(folder, now=NOW)
    assert len(found.certificates) == 2
    assert found.skipped == 1


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"b_ml": master_list([NZ.der], LISTER)}, "chip.unknown_issuer"),
        ({"a_pem": pem(NZ), "b_ml": master_list([NZ.der], LISTER)}, "unknown_issuer"),
        (
            {"a_pem": pem(CSCA), "b_ml": master_list([NZ.der], LISTER, spoil=True)},
            "chip.signature",
        ),
        (
            {"a_pem": pem(CSCA), "b_ml": master_list([NZ.der], SIGNER)},
            "chip.usage",
        ),
        ({"a_pem": pem(CSCA), "b_ml": Sod().cms}, "chip.malformed"),
        ({"a_pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n"}, "chip.malformed"),
        ({"a_cer": b"x"}, "chip.malformed"),
        (
            {"a_pem": pem(CSCA), "c_crl": revocations(CSCA, 1, key=Pair(name="t"))},
            "chip.unknown_issuer",
        ),
        (
            {"a_pem": pem(CSCA, NZ), "c_crl": revocations(CSCA, 1, key=NZ.pair)},
            "chip.unknown_issuer",
        ),
    ],
)
def test_a_file_that_cannot_be_believed(
    tmp_path: Path, files: dict[str, bytes], told: str
) -> None:
    """Nothing of it counts in silence: whoever runs this is told which file."""
    with pytest.raises(SettingsError, match=told):
        load_anchors(folder_of(tmp_path, **files), now=NOW)


def test_states_beyond_the_scheme_are_named_by_who_runs_it(tmp_path: Path) -> None:
    """A holder may have a passport of anybody's."""
    british = replace(CSCA, country="GB")
    lines = LINES.replace("P<AUS", "P<GBR", 1)
    made = dg1(lines)
    sod = Sod(signer=under(country="GB", by=british), files={1: made, 2: DG2})
    folder = folder_of(tmp_path, a_cer=british.der)
    known = load_anchors(folder, now=NOW, states={"GB": "GBR"})
    assert code(read(sod, by=known, dg1=made, expected=None)) == "proved"
    unknown = load_anchors(folder, now=NOW)
    assert code(read(sod, by=unknown, dg1=made, expected=None)) == "chip.state"


def test_a_list_of_the_revoked_in_the_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a_pem=pem(CSCA), c_crl=revocations(CSCA, 1001))
    assert code(read(by=load_anchors(folder, now=NOW))) == "chip.revoked"
