"""Hostile requests of desks, read by the web wallet in a real browser: none is shown.

What is signed and certified here is made by another library than the page's own code.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from playwright.sync_api import Browser

from examples.desk.identity import Identity, make_trial
from issuer.jws import b64u, new_private_key
from tests.components import needs
from tests.issuer.web.chromium import launched
from tests.simulator import ABSENT, NOW, changed, fixed_key, jwk, jws
from tests.wallet_api.web.site import Site, opened

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
DESK = "https://desk.example"
DAY = timedelta(days=1)
TRIAL, ROOT = make_trial("Example Air", now=NOW)
Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
RSA = rsa.generate_private_key(65537, 2048)
READ = """async ([version, link, desks, now]) => {
  const { readRequest } = await import(`/wallet/${version}/desk/request.js`);
  return readRequest(link, { desks, now }).then(
    ({ who, wanted }) => [who, wanted.kind], (error) => error.why ?? String(error));
}"""
QUERY: dict[str, Any] = {
    "credentials": [
        {
            "id": "abtc",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["urn:abtc:entry-basis:1"]},
            "claims": [
                {"path": ["destination"], "values": ["SGP"]},
                {"path": ["arrival"], "values": ["2030-01-18"]},
            ],
        }
    ]
}


@pytest.fixture(scope="module", name="site")
def page() -> Iterator[Site]:
    browser: Browser
    with launched() as browser, opened(browser) as site:
        site.open()
        yield site


def link(
    identity: Identity = TRIAL,
    *,
    header: Any = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    **claims: Any,
) -> str:
    """A link with a request in it, changed as told."""
    from_chain = [
        base64.b64encode(each.public_bytes(Encoding.DER)).decode()
        for each in identity.chain
    ]
    members = {"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": from_chain}
    made: dict[str, object] = {
        "aud": "https://self-issued.me/v2",
        "client_id": identity.client_id,
        "dcql_query": QUERY,
        "exp": int(NOW.timestamp()) + 300,
        "nonce": "n" * 43,
        "response_mode": "direct_post",
        "response_type": "vp_token",
        "response_uri": f"{DESK}/response",
        "state": "s",
    }
    text = jws(
        changed(members, header or {}), changed(made, claims), key or identity.key
    )
    return (
        f"openid4vp://?{urlencode({'client_id': identity.client_id, 'request': text})}"
    )


def read(site: Site, text: str, *roots: x509.Certificate, now: datetime = NOW) -> Any:
    """Who asks and for what, or why nothing is shown."""
    known = [
        base64.b64encode(each.public_bytes(Encoding.DER)).decode()
        for each in roots or (ROOT,)
    ]
    desks = {"origins": [DESK], "roots": known}
    given = [site.files.wallet.version, text, desks, now.timestamp() * 1000]
    return site.page.evaluate(READ, given)


def test_a_good_request_is_read(site: Site) -> None:
    assert read(site, link()) == ["Example Air", "journey"]


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "HS256"}, {"alg": 7}, {"typ": "JWT"}, {"typ": ABSENT},
        {"x5c": ABSENT}, {"x5c": []}, {"x5c": "MII"}, {"x5c": [7]},
        {"crit": ["exp"]}, {"jwk": {}}, {"jku": "https://evil.example"},
    ],
)  # fmt: skip
def test_j4_another_header_is_refused(site: Site, header: dict[str, object]) -> None:
    assert read(site, link(header=header)) == "unreadable"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES384", "EdDSA"])
def test_j3_another_way_to_sign_is_named(site: Site, alg: str) -> None:
    """So that a house with an RSA key knows what its request needs."""
    assert read(site, link(header={"alg": alg})) == "algorithm"


@pytest.mark.parametrize(
    "x5c", [["%%%%"], ["AAAA"], ["MAA="], ["MIAAAA=="], ["//////////8="], ["MIQAAAAB"]]
)
def test_j11_what_is_no_certificate_proves_nothing(site: Site, x5c: list[str]) -> None:
    assert read(site, link(header={"x5c": x5c})) == "unknown"


def test_w10_it_is_signed_by_whom_it_says(site: Site) -> None:
    assert read(site, link(key=new_private_key())) == "unknown"


def test_w10_somebody_known_vouches(site: Site) -> None:
    other, other_root = make_trial("Example Air", now=NOW)
    assert read(site, link(other)) == "unknown"
    for roots in ((other_root, ROOT), (ROOT, other_root)):  # both have one name
        assert read(site, link(other), *roots) == ["Example Air", "journey"]


def test_a_root_of_a_kind_that_is_none_of_ours_is_no_hindrance(site: Site) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    odd = (
        x509.CertificateBuilder()
        .subject_name(ROOT.subject)
        .issuer_name(ROOT.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, None)
    )
    assert read(site, link(), odd) == "unknown"
    assert read(site, link(), odd, ROOT) == ["Example Air", "journey"]


def test_w10_a_name_is_that_of_its_certificate(site: Site) -> None:
    other, _ = make_trial("Other Air", now=NOW)
    assert read(site, link(client_id=other.client_id)) == "unknown"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"aud": "https://other.example"}, "kind"),
        ({"response_type": "id_token"}, "kind"),
        ({"response_mode": "fragment"}, "kind"),
        ({"redirect_uri": f"{DESK}/x"}, "kind"),
        ({"transaction_data": ["x"]}, "kind"),
        ({"response_uri": "https://evil.example/response"}, "elsewhere"),
        ({"response_uri": f"{DESK}@evil.example/"}, "elsewhere"),
        ({"response_uri": "https://me@desk.example/"}, "elsewhere"),
        ({"response_uri": "http://desk.example/"}, "elsewhere"),
        ({"response_uri": 7}, "unreadable"),
        ({"nonce": ABSENT}, "unreadable"),
        ({"nonce": "with a space"}, "unreadable"),
        ({"state": 7}, "unreadable"),
        ({"exp": "soon"}, "unreadable"),
        ({"exp": int(NOW.timestamp()) - 61}, "over"),
        ({"nbf": int(NOW.timestamp()) + 61}, "over"),
        ({"dcql_query": {}}, "kind"),
        ({"dcql_query": {"credentials": []}}, "kind"),
        ({"dcql_query": {**QUERY, "credential_sets": []}}, "kind"),
        ({"dcql_query": {"credentials": QUERY["credentials"] * 2}}, "kind"),
    ],
)
def test_w10_what_it_wants_is_bounded(
    site: Site, claims: dict[str, Any], expected: str
) -> None:
    assert read(site, link(**claims)) == expected


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [{"path": ["destination"], "values": ["SGP"]}],
        [{"path": ["destination"], "values": ["SGP", "JPN"]},
         {"path": ["arrival"], "values": ["2030-01-18"]}],
        [{"path": ["destination"], "values": ["SGP"]},
         {"path": ["arrival"], "values": ["2030-02-31x"]}],
        [*QUERY["credentials"][0]["claims"], {"path": ["family_name"]}],
        [{"path": []}],
        [{"path": "destination"}],
    ],
)  # fmt: skip
def test_a_journey_is_one_place_and_one_day(site: Site, claims: list[Any]) -> None:
    """And nothing is asked for that no proof has."""
    query = {"credentials": [{**QUERY["credentials"][0], "claims": claims}]}
    assert read(site, link(dcql_query=query)) == "kind"


@pytest.mark.parametrize(
    "text",
    ["x", "https://desk.example/", "openid4vp://?client_id=a",
     "openid4vp://?client_id=a&request=b&request_uri=c",
     "openid4vp://?client_id=a&client_id=b&request=c",
     "openid4vp://?client_id=a&request=b.c.d"],
)  # fmt: skip
def test_q4_anything_else_is_no_request(site: Site, text: str) -> None:
    assert read(site, text) == "unreadable"


@pytest.mark.parametrize("address", ["https://evil.example/r", "file:///r", "x"])
def test_w11_nothing_is_fetched_from_elsewhere(site: Site, address: str) -> None:
    given = {"client_id": TRIAL.client_id, "request_uri": address}
    assert read(site, f"openid4vp://?{urlencode(given)}") == "elsewhere"


# Chains


Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


class Authority:
    """Somebody who signs certificates, as told."""

    def __init__(self, name: str, by: "Authority | None" = None, **made: Any) -> None:
        self.key: Any = made.pop("key", None) or ec.generate_private_key(ec.SECP256R1())
        self.name = name
        self.by = by or self
        self.certificate = self.by.sign(name, self.key.public_key(), **made)

    def sign(
        self, name: str, key: Any, *, authority: bool | None = True,
        length: int | None = None, starts: datetime = NOW - DAY,
        ends: datetime = NOW + DAY, signs: bool = True, change: Change | None = None,
        hashed: Hash | None = None,
    ) -> x509.Certificate:  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
        )
        if authority is not None:
            basic = x509.BasicConstraints(ca=authority, path_length=length)
            builder = builder.add_extension(basic, critical=True)
        usage = x509.KeyUsage(
            digital_signature=signs, key_cert_sign=bool(authority),
            content_commitment=not signs, key_encipherment=False,
            data_encipherment=False, key_agreement=False, crl_sign=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
        if change is not None:
            builder = change(builder)
        usual = hashes.SHA384() if is_384(self.key) else hashes.SHA256()
        return builder.sign(self.key, hashed or usual)


def is_384(key: Any) -> bool:
    return isinstance(getattr(key, "curve", None), ec.SECP384R1)


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])


def desk_of(*between: Authority, name: str = "Example Air", **made: Any) -> Identity:
    """A desk whose certificate the first of these has signed."""
    key = new_private_key()
    known = {"authority": None, **made}
    leaf = between[0].sign(name, key.public_key(), **known)
    chain = (leaf, *(each.certificate for each in between))
    return Identity(key=key, chain=chain)


def test_a_chain_leads_to_a_root(site: Site) -> None:
    """Of two steps, also where the root is on the larger curve."""
    root = Authority("Root", key=ec.generate_private_key(ec.SECP384R1()))
    middle = Authority("Middle", root, length=0)
    found = read(site, link(desk_of(middle)), root.certificate)
    assert found == ["Example Air", "journey"]


def known(oid: str) -> Change:
    extension = x509.UnrecognizedExtension(ObjectIdentifier(oid), b"\x05\x00")
    return lambda builder: builder.add_extension(extension, critical=True)


def constrained(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    names = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName("other.example")], excluded_subtrees=None
    )
    return builder.add_extension(names, critical=True)


@pytest.mark.parametrize(
    "made",
    [
        {"authority": False},
        {"authority": None},
        {"ends": NOW - timedelta(seconds=1)},
        {"starts": NOW + timedelta(seconds=1)},
        {"change": known("1.2.3.4")},
        {"change": constrained},
    ],
)
def test_d2_who_vouches_must_be_allowed_to(site: Site, made: dict[str, Any]) -> None:
    """Each in the middle of a chain that is good but for this."""
    root = Authority("Root")
    middle = Authority("Middle", root, **made)
    assert read(site, link(desk_of(middle)), root.certificate) == "unknown"
    bad_root = Authority("Root", **made)
    assert read(site, link(desk_of(bad_root)), bad_root.certificate) == "unknown"


def test_d2_a_chain_is_no_longer_than_it_may_be(site: Site) -> None:
    root = Authority("Root", length=0)
    middle = Authority("Middle", root)
    assert read(site, link(desk_of(middle)), root.certificate) == "unknown"


def test_d2_an_authority_signs_for_itself_alone(site: Site) -> None:
    """Its name is not enough, nor is the name of the root."""
    root, other = Authority("Root"), Authority("Root")
    assert read(site, link(desk_of(other)), root.certificate) == "unknown"
    middle = Authority("Middle", other)
    assert read(site, link(desk_of(middle)), root.certificate) == "unknown"
    key = new_private_key()
    leaf = other.sign("Example Air", key.public_key(), authority=None)
    mixed = Identity(key=key, chain=(leaf, Authority("Middle", root).certificate))
    assert read(site, link(mixed), root.certificate) == "unknown"


def test_d2_a_root_does_not_ask_by_itself(site: Site) -> None:
    root = Authority("Root")
    alone = Identity(key=root.key, chain=(root.certificate,))
    assert read(site, link(alone), root.certificate) == "unknown"


@pytest.mark.parametrize(
    "made",
    [
        {"signs": False},
        {"ends": NOW - timedelta(seconds=1)},
        {"starts": NOW + timedelta(seconds=1)},
        {"change": known("1.2.3.4")},
        {"name": "A\u202eir"},
        {"name": " "},
    ],
)
def test_w14_a_desk_s_own_certificate_is_read_strictly(
    site: Site, made: dict[str, Any]
) -> None:
    """Its name is shown: nothing in it turns it round."""
    root = Authority("Root")
    assert read(site, link(desk_of(root, **made)), root.certificate) == "unknown"


@pytest.mark.parametrize("hashed", [hashes.SHA256(), hashes.SHA512()])
def test_an_authority_with_an_rsa_key_vouches(site: Site, hashed: Hash) -> None:
    """As most do that there are; who asks still signs with ES256."""
    root = Authority("Root", key=RSA, hashed=hashed)
    found = read(site, link(desk_of(root, hashed=hashed)), root.certificate)
    assert found == ["Example Air", "journey"]


def test_j3_an_rsa_key_vouches_no_further_than_its_signature(site: Site) -> None:
    """Not with another key of that name, nor with a hash that is broken or short."""
    root = Authority("Root", key=RSA)
    same = Authority("Root", key=rsa.generate_private_key(65537, 2048))
    assert read(site, link(desk_of(same)), root.certificate) == "unknown"
    on_curve = Authority("Root")
    assert read(site, link(desk_of(on_curve)), root.certificate) == "unknown"
    assert read(site, link(desk_of(root)), on_curve.certificate) == "unknown"
    short = Authority("Root", key=rsa.generate_private_key(65537, 1024))  # noqa: S505
    assert read(site, link(desk_of(short)), short.certificate) == "unknown"
    weak = desk_of(root, hashed=hashes.SHA224())
    assert read(site, link(weak), root.certificate) == "unknown"


def test_j3_who_asks_has_a_key_on_a_curve(site: Site) -> None:
    """A certificate of an RSA key asks nothing, whatever the header says."""
    root = Authority("Root", key=RSA)
    leaf = root.sign("Example Air", RSA.public_key(), authority=None)
    name = f"x509_hash:{b64u(sha256(leaf.public_bytes(Encoding.DER)).digest())}"
    x5c = [base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()]
    text = link(header={"x5c": x5c}, client_id=name)
    text = text.replace(quote(TRIAL.client_id), quote(name))
    assert read(site, text, root.certificate) == "unknown"


# Encrypted answers


SEALED = """async ([version, metadata, members]) => {
  const { recipientIn, sealed } = await import(`/wallet/${version}/desk/sealed.js`);
  return recipientIn(metadata).then(
    (found) => sealed(members, found), (error) => error.why);
}"""
KEY = {**jwk(fixed_key("desk")), "alg": "ECDH-ES", "use": "enc", "kid": "k1"}
ENC = "encrypted_response_enc_values_supported"


def seal(site: Site, metadata: object, members: object = None) -> str:
    given = [site.files.wallet.version, metadata, members]
    found: str = site.page.evaluate(SEALED, given)
    return found


@pytest.mark.parametrize(
    ("offered", "used"),
    [({}, "A128GCM"), ({ENC: ["A128CBC-HS256", "A128GCM", "A256GCM"]}, "A256GCM")],
)
def test_another_library_opens_what_the_page_encrypts(
    site: Site, offered: dict[str, Any], used: str
) -> None:
    members = {"state": "s", "vp_token": {"abtc": ["a~b"]}}
    text = seal(site, {"jwks": {"keys": [KEY]}, **offered}, members)
    number = fixed_key("desk").private_numbers().private_value
    secret = JWK(**jwk(fixed_key("desk")), d=b64u(number.to_bytes(32, "big")))
    found = JWE(algs=["ECDH-ES", used])
    found.deserialize(text, key=secret)
    assert json.loads(found.payload) == members
    assert (found.jose_header["enc"], found.jose_header["kid"]) == (used, "k1")
    assert found.jose_header["epk"].keys() == {"kty", "crv", "x", "y"}


@pytest.mark.parametrize(
    "metadata",
    [
        None, {}, {"jwks": {"keys": []}}, {"jwks": {"keys": [None, 7, {}]}},
        {"jwks": {"keys": [{**KEY, "alg": "ECDH-ES+A128KW"}]}},
        {"jwks": {"keys": [{**KEY, "use": "sig"}]}},
        {"jwks": {"keys": [{**KEY, "kid": ""}]}},
        {"jwks": {"keys": [{**KEY, "d": "AA"}]}},
        {"jwks": {"keys": [{**KEY, "y": KEY["x"]}]}},
        {"jwks": {"keys": [KEY]}, ENC: ["A128CBC-HS256"]},
        {"jwks": {"keys": [KEY]}, ENC: []},
        {"jwks": {"keys": [KEY]}, ENC: "A128GCM"},
    ],
)  # fmt: skip
def test_what_cannot_be_encrypted_as_asked_is_not_read(
    site: Site, metadata: object
) -> None:
    """Said before the holder is asked, and never answered in clear instead."""
    assert seal(site, metadata) == "sealing"
    asked = link(response_mode="direct_post.jwt", client_metadata=metadata)
    assert read(site, asked) == "sealing"


def test_the_certificate_s_digest_is_the_name(site: Site) -> None:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(TRIAL.chain[0].public_bytes(Encoding.DER))
    assert TRIAL.client_id == f"x509_hash:{b64u(digest.finalize())}"
