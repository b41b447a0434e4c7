"""The tester's wallet answers a desk, and nobody whose name is not proven."""

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from examples.desk.identity import Identity, make_trial
from issuer.jws import b64u, new_private_key
from tests.examples.desk_scene import DeskScene, served, serving_desk
from tests.simulator import ABSENT, NOW, changed, compact_json, fixed_key, jws
from wallet_api import cli
from wallet_api.cli import main
from wallet_api.config import VARIABLE
from wallet_api.dcql import asked_for, is_query, which
from wallet_api.holder_client import Holder
from wallet_api.holder_file import write_wallet
from wallet_api.holder_net import Network, Refused, Unreachable
from wallet_api.presenting import Request, RequestError, read_request

pytestmark = pytest.mark.enable_socket
WORD = "correct horse"
CARD = {
    "vct": "urn:abtc:card:1",
    "given_name": "JANE",
    "passport": {"number": "PA1"},
    "economies": ["JPN", "SGP"],
    "iat": 1,
}


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeskScene]:
    monkeypatch.setenv(VARIABLE, WORD)
    with serving_desk() as scene:
        monkeypatch.setattr(cli, "_now", scene.clock)
        yield scene


@pytest.fixture
def wallet(scene: DeskScene, tmp_path: Path) -> Path:
    """The file of a wallet with the simulator's card."""
    holder = Holder(
        issuer="https://abtc.example/AUS",
        configuration="AbtcCard",
        endpoints={},
        holder_key=fixed_key("holder"),
        card=scene.world.card(),
    )
    path = tmp_path / "wallet.json"
    write_wallet(path, holder.to_json(), passphrase=WORD.encode())
    return path


@pytest.fixture
def root(scene: DeskScene, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(scene.root.public_bytes(Encoding.PEM))
    return path


# On the command line


def test_a_holder_shares_a_card_with_a_desk(
    scene: DeskScene, wallet: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = scene.ask()
    link = scene.desk.link(asked)
    given = ["present", "--file", str(wallet), "--root", str(root), link, "--yes"]
    assert main(given) == 0
    shown = capsys.readouterr().out
    assert "Example Air asks for: family_name, given_name, passport.number" in shown
    assert "whole card" in shown
    assert "birthdate" in shown
    assert "ABTC gives an entry basis for Singapore" in scene.page(asked)
    assert main(given) == 1  # the request is over
    assert capsys.readouterr().err.startswith("abtc-wallet: the desk refused: ")


def test_a_card_goes_encrypted_where_the_desk_wants_that(
    scene: DeskScene, wallet: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or not at all: a request without a key for it is none."""
    scene.desk.is_sealed = True
    asked = scene.ask()
    given = ["present", "--file", str(wallet), "--root", str(root), "--yes"]
    assert main([*given, scene.desk.link(asked)]) == 0
    assert "ABTC gives an entry basis for Singapore" in scene.page(asked)
    link = by_value(
        scene.desk.identity, scene, response_mode="direct_post.jwt",
        client_metadata={"jwks": {"keys": []}},
    )  # fmt: skip
    capsys.readouterr()
    assert main([*given, link]) == 1
    assert "wants the answer encrypted" in capsys.readouterr().err


def test_a_holder_who_says_no_shares_nothing(
    scene: DeskScene,
    wallet: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = scene.ask()
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    given = ["present", "--file", str(wallet), "--root", str(root)]
    assert main([*given, scene.desk.link(asked)]) == 0
    assert "Not shared." in capsys.readouterr().out
    assert asked.outcome is not None
    assert asked.outcome.reason == "wallet.access_denied"


def test_a_card_of_another_kind_is_not_shared(
    scene: DeskScene, wallet: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = scene.ask()
    query = {"credentials": [{"id": "abtc", "format": "dc+sd-jwt",
                              "meta": {"vct_values": ["urn:other"]}}]}  # fmt: skip
    link = by_value(scene.desk.identity, scene, dcql_query=query, state=asked.state)
    given = ["present", "--file", str(wallet), "--root", str(root), link, "--yes"]
    assert main(given) == 1
    assert "does not answer" in capsys.readouterr().err
    assert asked.outcome is None, "a no without asking would tell what is on the card"


def test_a_request_may_come_without_a_link(scene: DeskScene) -> None:
    asked = scene.ask()
    text = scene.desk.request(asked.request_id, None, scene.clock())
    assert text is not None
    request = read(text, scene)
    assert (request.who, request.nonce) == ("Example Air", asked.nonce)


# Who asks


def claims_for(identity: Identity, scene: DeskScene) -> dict[str, object]:
    return {
        "aud": "https://self-issued.me/v2",
        "client_id": identity.client_id,
        "dcql_query": {"credentials": [{"id": "a", "format": "dc+sd-jwt", "meta": {}}]},
        "exp": int(scene.clock().timestamp()) + 300,
        "nonce": "x" * 43,
        "response_mode": "direct_post",
        "response_type": "vp_token",
        "response_uri": f"{scene.desk.url}/response",
        "state": "s",
    }


def x5c_of(identity: Identity) -> list[str]:
    return [
        base64.b64encode(each.public_bytes(Encoding.DER)).decode()
        for each in identity.chain
    ]


def by_value(
    identity: Identity,
    scene: DeskScene,
    *,
    header: Mapping[str, object] | None = None,
    key: Any = None,
    client_id: str | None = None,
    **claims: object,
) -> str:
    """A link with a request in it, changed as told; it needs no server."""
    x5c = x5c_of(identity)
    members = {"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": x5c}
    text = jws(
        changed(members, header or {}),
        changed(claims_for(identity, scene), claims),
        key or identity.key,
    )
    named = client_id or identity.client_id
    return f"openid4vp://?{urlencode({'client_id': named, 'request': text})}"


def read(
    link: str, scene: DeskScene, *roots: x509.Certificate, now: datetime = NOW
) -> Request:
    network = Network(clock=lambda: now, who="the desk")
    return read_request(link, network, roots=roots or (scene.root,))


def test_a_good_request_is_read(scene: DeskScene) -> None:
    request = read(by_value(scene.desk.identity, scene), scene)
    assert request.response_uri == f"{scene.desk.url}/response"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "ES384"},
        {"typ": "JWT"},
        {"typ": ABSENT},
        {"x5c": ABSENT},
        {"x5c": []},
        {"x5c": "MII"},
        {"x5c": ["%%%%"]},
        {"x5c": [7]},
        {"x5c": ["AAAA"]},
        {"crit": ["exp"]},
        {"jwk": {}},
        {"jku": "https://evil.example"},
    ],
)
def test_j4_a_request_with_another_header_is_refused(
    scene: DeskScene, header: dict[str, object]
) -> None:
    with pytest.raises(RequestError):
        read(by_value(scene.desk.identity, scene, header=header), scene)


def test_j3_a_request_signed_otherwise_says_so(scene: DeskScene) -> None:
    """A house with an RSA key reads what its request needs."""
    link = by_value(scene.desk.identity, scene, header={"alg": "RS256"})
    with pytest.raises(RequestError, match="not signed with ES256"):
        read(link, scene)


def test_w10_a_request_is_signed_by_whom_it_says(scene: DeskScene) -> None:
    link = by_value(scene.desk.identity, scene, key=new_private_key())
    with pytest.raises(RequestError, match="not signed"):
        read(link, scene)


def test_w10_somebody_known_must_vouch(scene: DeskScene) -> None:
    other, other_root = make_trial("Example Air", now=NOW)
    link = by_value(other, scene)
    assert read(link, scene, other_root).who == "Example Air"
    with pytest.raises(RequestError, match="vouches"):
        read(link, scene)


def test_w10_who_was_vouched_for_vouches_for_nobody(scene: DeskScene) -> None:
    """A desk's certificate makes no further ones."""
    mallory, _ = make_trial("Bank", now=NOW)
    ours = scene.desk.identity
    (desk,) = ours.chain
    forged = (
        x509.CertificateBuilder()
        .subject_name(mallory.chain[0].subject)
        .issuer_name(desk.subject)
        .public_key(mallory.key.public_key())
        .serial_number(7)
        .not_valid_before(desk.not_valid_before_utc)
        .not_valid_after(desk.not_valid_after_utc)
        .sign(ours.key, hashes.SHA256())
    )
    chained = Identity(key=mallory.key, chain=(forged, desk))
    with pytest.raises(RequestError, match="vouches"):
        read(by_value(chained, scene), scene)


def test_a_certificate_ends(scene: DeskScene) -> None:
    later = NOW + timedelta(days=91)
    link = by_value(scene.desk.identity, scene, exp=int(later.timestamp()))
    with pytest.raises(RequestError, match="vouches"):
        read(link, scene, now=later)


def test_another_desks_certificate_is_not_this_ones(scene: DeskScene) -> None:
    other, _ = make_trial("Example Air", now=NOW)
    link = by_value(scene.desk.identity, scene, client_id=other.client_id)
    with pytest.raises(RequestError, match="than its link says"):
        read(link, scene)
    text = jws(
        {
            "alg": "ES256",
            "typ": "oauth-authz-req+jwt",
            "x5c": x5c_of(scene.desk.identity),
        },
        {**claims_for(scene.desk.identity, scene), "client_id": other.client_id},
        scene.desk.identity.key,
    )
    with pytest.raises(RequestError, match="whose certificate"):
        read(text, scene)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ABSENT},
        {"aud": "https://wallet.example"},
        {"response_type": "code"},
        {"response_mode": "fragment"},
        {"response_mode": "direct_post.jwt"},
        {"redirect_uri": "https://desk.example/"},
        {"transaction_data": ["e30"]},
        {"response_uri": ABSENT},
        {"response_uri": 7},
        {"nonce": ABSENT},
        {"nonce": 7},
        {"state": 7},
        {"dcql_query": ABSENT},
        {"dcql_query": {"credentials": []}},
        {"dcql_query": "{}"},
        {"exp": "1"},
        {"exp": True},
        {"nbf": 1.5},
        {"exp": int(NOW.timestamp()) - 61},
        {"nbf": int(NOW.timestamp()) + 61},
    ],
)
def test_a_request_for_something_else_is_refused(
    scene: DeskScene, claims: dict[str, Any]
) -> None:
    with pytest.raises(RequestError):
        read(by_value(scene.desk.identity, scene, **claims), scene)


@pytest.mark.parametrize(
    "times",
    [{"exp": int(NOW.timestamp()) - 60}, {"nbf": int(NOW.timestamp()) + 60},
     {"exp": ABSENT}, {"state": ABSENT}, {"iss": "anybody"}, {"more": 1}],
)  # fmt: skip
def test_a_request_may_be_so(scene: DeskScene, times: dict[str, Any]) -> None:
    request = read(by_value(scene.desk.identity, scene, **times), scene)
    assert request.who == "Example Air"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "x",
        "a.b.c",
        "https://example.org/",
        "openid4vp://?client_id=x",
        "openid4vp://?client_id=x&request=a.b.c&request_uri=https://a.example/",
        "openid4vp://?client_id=x&client_id=y&request=a.b.c",
        "openid4vp://?client_id=x&request_uri=https://a.example/&request_uri_method=GET",
        "openid4vp://?request=a.b.c",
        f"openid4vp://?client_id=x&request={'a' * 70_000}.b.c",
    ],
)
def test_what_is_no_request_is_told(scene: DeskScene, link: str) -> None:
    with pytest.raises(RequestError):
        read(link, scene)


def test_a_good_request_with_too_much_is_refused(scene: DeskScene) -> None:
    identity = scene.desk.identity
    assert read(by_value(identity, scene, more="x" * 30_000), scene).nonce
    with pytest.raises(RequestError, match="too long"):
        read(by_value(identity, scene, more="x" * 60_000), scene)
    with pytest.raises(RequestError, match="twice"):
        read(f"{by_value(identity, scene)}&client_id={identity.client_id}", scene)


def test_j3_a_certificate_of_another_kind_of_key_is_refused(scene: DeskScene) -> None:
    ours = scene.desk.identity
    (desk,) = ours.chain
    certificate = (
        x509.CertificateBuilder()
        .subject_name(desk.subject)
        .issuer_name(desk.issuer)
        .public_key(ed25519.Ed25519PrivateKey.generate().public_key())
        .serial_number(7)
        .not_valid_before(desk.not_valid_before_utc)
        .not_valid_after(desk.not_valid_after_utc)
        .sign(ours.key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    client_id = f"x509_hash:{b64u(sha256(der).digest())}"
    x5c = [base64.b64encode(der).decode()]
    text = jws(
        {"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": x5c},
        {**claims_for(ours, scene), "client_id": client_id},
        ours.key,
    )
    with pytest.raises(RequestError, match="P-256"):
        read(text, scene)


@pytest.mark.parametrize(
    ("good", "odd"),
    [
        ("a003020102", "a003020105"),  # a version that there is none of
        ("06082a8648ce3d030107", "06082a8648ce3d030177"),  # a curve
        ("06072a8648ce3d0201", "06072a8648ce3d0277"),  # a kind of key
    ],
)
def test_an_odd_certificate_is_refused(scene: DeskScene, good: str, odd: str) -> None:
    ours = scene.desk.identity
    der = ours.chain[0].public_bytes(Encoding.DER)
    assert bytes.fromhex(good) in der
    der = der.replace(bytes.fromhex(good), bytes.fromhex(odd), 1)
    text = jws(
        {
            "alg": "ES256",
            "typ": "oauth-authz-req+jwt",
            "x5c": [base64.b64encode(der).decode()],
        },
        {
            **claims_for(ours, scene),
            "client_id": f"x509_hash:{b64u(sha256(der).digest())}",
        },
        ours.key,
    )
    with pytest.raises(RequestError, match="cannot be read"):
        read(text, scene)


def test_an_unsigned_request_is_refused(scene: DeskScene) -> None:
    claims = claims_for(scene.desk.identity, scene)
    claims["client_id"] = f"redirect_uri:{scene.desk.url}/response"
    header = {"alg": "none", "typ": "oauth-authz-req+jwt"}
    text = f"{b64u(compact_json(header))}.{b64u(compact_json(claims))}."
    with pytest.raises(RequestError):
        read(text, scene)


# Where is asked


def test_a_holder_is_sent_on_but_nothing_is_opened(
    scene: DeskScene, wallet: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    further = ["https://desk.example/on", "https://desk.example/\x1b[2J"]

    def answers(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "application/json")])
        return [compact_json({"redirect_uri": further.pop(0)})]

    with served(answers) as url:
        link = by_value(scene.desk.identity, scene, response_uri=url)
        given = ["present", "--file", str(wallet), "--root", str(root), link, "--yes"]
        assert main(given) == 0
        assert "Shared. Go on at https://desk.example/on\n" in capsys.readouterr().out
        assert main(given) == 0
        assert capsys.readouterr().out.endswith("Shared.\n")


def test_no_words_of_a_stranger_move_the_terminal(
    wallet: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither of a link, nor of whoever answers at its address."""

    def refuses(_: Any, start: Any) -> list[bytes]:
        start("400 Bad Request", [("Content-Type", "application/json")])
        return [compact_json({"error": "\x1b[2Jall is well"})]

    given = ["present", "--file", str(wallet), "--root", str(root), "--yes"]
    with served(refuses) as url:
        for address, words in (
            (url, "the desk refused: ?[2Jall is well (400)"),
            ("http://\x1bc/", "http://?c is not asked"),
        ):
            parameters = {"client_id": "x", "request_uri": address}
            assert main([*given, f"openid4vp://?{urlencode(parameters)}"]) == 1
            assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["http://desk.example/request/x", "file:///etc/passwd",
                "https://user@desk.example/x", "ftp://127.0.0.1/x"]
)  # fmt: skip
def test_w11_only_safe_addresses_are_asked(scene: DeskScene, address: str) -> None:
    link = f"openid4vp://?{urlencode({'client_id': 'x', 'request_uri': address})}"
    with pytest.raises(ValueError, match="is not asked"):
        read(link, scene)


def test_w11_only_safe_addresses_get_an_answer(
    scene: DeskScene, wallet: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = scene.desk.identity
    link = by_value(identity, scene, response_uri="http://desk.example/response")
    given = ["present", "--file", str(wallet), "--root", str(root), link, "--yes"]
    assert main(given) == 1
    assert "http://desk.example is not asked" in capsys.readouterr().err


def test_a_request_for_another_phone_is_refused(scene: DeskScene) -> None:
    """The nonce that this phone sent must be in what comes back."""
    asked = scene.ask()
    text = scene.desk.request(asked.request_id, "of another phone", scene.clock())
    assert text is not None

    def answers(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "application/oauth-authz-req+jwt")])
        return [text.encode()]

    with served(answers) as url:
        parameters = {"client_id": scene.desk.identity.client_id, "request_uri": url}
        link = f"openid4vp://?{urlencode(parameters)}"
        assert read(link, scene).who == "Example Air"  # by GET nothing is sent
        with pytest.raises(RequestError, match="for this phone"):
            read(f"{link}&request_uri_method=post", scene)


def test_w11_no_redirect_is_followed(scene: DeskScene) -> None:
    asked = scene.ask()

    def sends_on(_: Any, start: Any) -> list[bytes]:
        address = f"{scene.desk.url}/request/{asked.request_id}"
        start("307 Temporary Redirect", [("Location", address)])
        return [b""]

    with served(sends_on) as url:
        parameters = {"client_id": "x", "request_uri": url}
        with pytest.raises(Refused, match="307"):
            read(f"openid4vp://?{urlencode(parameters)}", scene)


def test_a_page_is_no_request(scene: DeskScene) -> None:
    def page(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/html")])
        return [b"<html>"]

    with served(page) as url:
        parameters = {"client_id": "x", "request_uri": url}
        with pytest.raises(Unreachable, match="the desk's answer cannot be read"):
            read(f"openid4vp://?{urlencode(parameters)}", scene)


def test_the_link_is_read_as_it_is_on_the_screen(scene: DeskScene) -> None:
    link = scene.desk.link(scene.ask())
    given = parse_qs(urlsplit(link).query)
    assert given["request_uri_method"] == ["post"]
    assert read(link, scene).client_id == given["client_id"][0]


# What is asked


def query(**members: object) -> dict[str, object]:
    known = {"id": "a", "format": "dc+sd-jwt", "meta": {}}
    return {"credentials": [{**known, **members}]}


@pytest.mark.parametrize(
    "asked",
    [
        query(),
        query(meta={"vct_values": ["urn:other", "urn:abtc:card:1"]}),
        query(claims=[{"path": ["given_name"]}]),
        query(claims=[{"path": ["passport", "number"]}]),
        query(claims=[{"path": ["passport"]}]),
        query(claims=[{"path": ["economies", 1]}]),
        query(claims=[{"path": ["economies", None], "values": ["SGP"]}]),
        query(claims=[{"path": ["iat"], "values": [1]}]),
        {**query(), "unknown": 1},
    ],
)
def test_the_card_answers(asked: dict[str, object]) -> None:
    assert is_query(asked)
    assert which(asked, CARD) == ("a",)


@pytest.mark.parametrize(
    "asked",
    [
        query(format="mso_mdoc"),
        query(meta={"vct_values": ["urn:other"]}),
        query(meta={"vct_values": "urn:abtc:card:1"}),
        query(claims=[{"path": ["portrait"]}]),
        query(claims=[{"path": ["given_name"]}, {"path": ["portrait"]}]),
        query(claims=[{"path": ["passport", "portrait"]}]),
        query(claims=[{"path": ["economies", 2]}]),
        query(claims=[{"path": ["economies", "0"]}]),
        query(claims=[{"path": ["given_name", None]}]),
        query(claims=[{"path": ["economies", None], "values": ["KOR"]}]),
        query(claims=[{"path": ["iat"], "values": [True, "1", [], None]}]),
        {**query(), "credential_sets": [{"options": [["a"]]}]},
        {"credentials": [*query()["credentials"],  # type: ignore[misc]
                         {"id": "b", "format": "mso_mdoc", "meta": {}}]},
    ],
)  # fmt: skip
def test_the_card_does_not_answer(asked: dict[str, object]) -> None:
    assert is_query(asked)
    assert which(asked, CARD) == ()


@pytest.mark.parametrize(
    "asked",
    [None, [], {}, {"credentials": {}}, {"credentials": []}, {"credentials": [1]},
     query(id=1), query(format=1), query(meta=1), query(claims={}),
     query(claims=[{"path": ["economies", -1]}]),
     query(claims=[{"path": ["economies", True]}]),
     query(claims=[{"path": ["economies", 1.0]}]),
     query(claims=[{"path": ["name\x1b[2J"]}]),
     query(claims=[1]), query(claims=[{}]), query(claims=[{"path": []}]),
     query(claims=[{"path": "a"}]), query(claims=[{"path": ["a"], "values": 1}])],
)  # fmt: skip
def test_what_is_no_question(asked: object) -> None:
    assert not is_query(asked)


def test_what_is_asked_for_has_names() -> None:
    asked = query(
        claims=[{"path": ["passport", "number"]}, {"path": ["economies", None]}]
    )
    assert asked_for(asked) == ("passport.number", "economies.*")
