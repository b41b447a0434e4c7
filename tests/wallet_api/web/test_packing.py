"""The wallet's own packing and proofs, in JavaScript: a second reader of the spec."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from joserfc import jwk, jwt

import verifier
from tests.components import needs
from tests.simulator import NOW, World, seconds
from tests.vectors.cases_journey import PHONE
from tests.verifier.test_vectors import VECTORS, text
from tests.wallet_api.web.node import Node, NodeError, phone
from verifier import Accepted
from wallet_api.holder import CredentialError
from wallet_api.holder_proof import EntryProof

pytestmark = needs("Node")
WORLD = World()
CHALLENGE = "Zm9yIHRoaXMgc2NhbiBvbmx5"


@pytest.fixture(scope="module", name="node")
def running() -> Iterator[Node]:
    with phone() as found:
        yield found


def of_kind(kind: str) -> pytest.MarkDecorator:
    names = [name for name, vector in VECTORS.items() if vector.get("kind") == kind]
    assert names, "no vector of this kind"
    return pytest.mark.parametrize("name", names)


@of_kind("roundtrip")
def test_roundtrip(node: Node, name: str) -> None:
    """Text and code stand for each other, to the character."""
    vector = VECTORS[name]
    assert node.ask("pack", text=text(vector["text"])) == text(vector["qr"])
    assert node.ask("unpack", text=text(vector["qr"])) == text(vector["text"])


@of_kind("unpackable")
def test_unpackable(node: Node, name: str) -> None:
    """No code is made for a text that would not come back from it."""
    with pytest.raises(NodeError, match=r"^FormatError$"):
        node.ask("pack", text=text(VECTORS[name]["text"]))


@of_kind("ununpackable")
def test_ununpackable(node: Node, name: str) -> None:
    """No text is made from what is not the packing of one."""
    with pytest.raises(NodeError, match=r"^FormatError$"):
        node.ask("unpack", text=text(VECTORS[name]["qr"]))


@of_kind("answerable")
def test_answerable(node: Node, name: str) -> None:
    """The wallet answers exactly what the officer's device asked."""
    vector = VECTORS[name]
    assert node.ask("challenge", text=text(vector["qr"])) == vector["challenge"]


@of_kind("unanswerable")
def test_q4_unanswerable(node: Node, name: str) -> None:
    """The wallet answers no other code than an officer's."""
    assert node.ask("challenge", text=text(VECTORS[name]["qr"])) is None


def shown_by_page(node: Node, vector: dict[str, Any]) -> str:
    names = ("destination", "arrival", "hidden")
    found: str = node.ask(
        "journey",
        credential=vector["credential"],
        holder=vector["holder"],
        wanted={name: vector[name] for name in names},
    )
    return found


def shown_by_tester(vector: dict[str, Any]) -> str:
    arrival = date.fromisoformat(vector["arrival"])
    proof = EntryProof.received(
        vector["credential"],
        PHONE.private,
        destination=vector["destination"],
        arrival=arrival,
    )
    text = proof.present("x", "n" * 22, NOW, disclose=vector["hidden"])
    return text.rpartition("~")[0] + "~"


@of_kind("showable")
def test_showable(node: Node, name: str) -> None:
    """Both wallets show what was asked for, and nothing else, to the character."""
    vector = VECTORS[name]
    assert shown_by_page(node, vector) == vector["shown"]
    assert shown_by_tester(vector) == vector["shown"]


@of_kind("unshowable")
def test_unshowable(node: Node, name: str) -> None:
    """Neither takes what is for another key or journey, or is no proof."""
    vector = VECTORS[name]
    with pytest.raises(NodeError, match=r"^FormatError$"):
        shown_by_page(node, vector)
    with pytest.raises(CredentialError):
        shown_by_tester(vector)


def test_what_is_scanned_in_decisions_reads_alike(node: Node) -> None:
    """Whatever the verifier unpacks in order to decide, the wallet unpacks as well."""
    codes = [each.get("presentation") for each in VECTORS.values()]
    scanned = {text(each) for each in codes if each and "of" not in each}
    shown = sorted(each for each in scanned if each.startswith("ABTC1:"))
    assert len(shown) > 100
    for each in shown:
        assert answer(node, each) == expected(each), each


def answer(node: Node, code: str) -> str | None:
    try:
        found: str = node.ask("unpack", text=code)
    except NodeError as error:
        return None if str(error) == "FormatError" else str(error)
    return found


def expected(code: str) -> str | None:
    try:
        return verifier.unpack(code)
    except verifier.PackingError:
        return None


NAME = st.from_regex(r"[A-Z]{1,19}( [A-Z]{1,19})?", fullmatch=True)
CODE = st.from_regex(r"[A-Z]{3}", fullmatch=True)
NUMBER = st.from_regex(r"[A-Z0-9]{1,22}", fullmatch=True)
MEMBERS: dict[str, SearchStrategy[object]] = {
    "family_name": NAME,
    "given_name": st.just("") | NAME,
    "birthdate": st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(str),
    "nationality": st.sampled_from(["AUS", "CHN", "GBR", "VNM"]) | CODE,
    "document_number": NUMBER,
    "passport": st.fixed_dictionaries({"country": CODE, "number": NUMBER}),
    "economies": st.sets(st.sampled_from(["AUS", "JPN", "VNM", "XYZ"]) | CODE).map(
        sorted
    ),
    "exp": st.integers(seconds(NOW), 4102444800),
    "status": st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**33)).map(
        lambda at: {
            "status_list": {
                "idx": at[0],
                "uri": f"https://abtc.example/AUS/status/{at[1]}",
            }
        }
    ),
}
MORE = st.dictionaries(
    st.from_regex(r"x_[a-zà-ÿ]{1,8}", fullmatch=True),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=3,
    ),
    max_size=2,
)


@given(members=st.fixed_dictionaries({}, optional=MEMBERS), more=MORE)
@settings(deadline=None)
def test_both_read_and_refuse_the_same_cards(
    node: Node, members: dict[str, Any], more: dict[str, Any]
) -> None:
    """A card of any content has one code for Python and JavaScript, or for neither."""
    ordered = dict(sorted(more.items(), key=lambda each: (len(each[0].encode()), each)))
    card = WORLD.card(**members, **ordered)
    try:
        code = verifier.pack(card)
    except verifier.PackingError:
        with pytest.raises(NodeError, match=r"^FormatError$"):
            node.ask("pack", text=card)
        return
    assert node.ask("pack", text=card) == code
    assert node.ask("unpack", text=code) == card


@given(
    st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=60),
    st.integers(6, 300),
    st.integers(0, 20),
)
@settings(deadline=None)
def test_q10_both_refuse_the_same_damage(
    node: Node, put: str, at: int, taken: int
) -> None:
    """A code with a piece of it replaced is the same to both."""
    code = verifier.pack(WORLD.card())
    damaged = code[:at] + put + code[at + taken :]
    assert answer(node, damaged) == expected(damaged)


def card_for(node: Node) -> str:
    return WORLD.card(cnf={"jwk": node.ask("key")})


def test_what_the_wallet_shows_is_accepted(node: Node) -> None:
    """A device of the verifier reads the code and knows the phone by its key."""
    shown = node.ask("show", card=card_for(node), at=seconds(NOW))
    assert isinstance(WORLD.verify(shown), Accepted)


def test_k5_a_code_ages(node: Node) -> None:
    """Each code says when it was made, and is not taken a minute later."""
    made = NOW - timedelta(seconds=60)
    shown = node.ask("show", card=card_for(node), at=seconds(made))
    decision = WORLD.verify(shown)
    assert not isinstance(decision, Accepted)
    assert decision.reason == "proof.stale"


def test_k4_an_answer_is_for_one_challenge(node: Node) -> None:
    """What was made for an officer's challenge answers that one only."""
    at = seconds(NOW)
    shown = node.ask("show", card=card_for(node), at=at, challenge=CHALLENGE)
    assert isinstance(WORLD.verify(shown, challenge=CHALLENGE), Accepted)
    assert not isinstance(WORLD.verify(shown, challenge=CHALLENGE[::-1]), Accepted)


@pytest.mark.parametrize("asked", ["", "iat.1893456000", CHALLENGE[:21], "~" * 22])
def test_k4_the_wallet_signs_no_other_nonce(node: Node, asked: str) -> None:
    """Not even where the page that scans would let it through."""
    shown = {"card": card_for(node), "at": seconds(NOW), "challenge": asked}
    with pytest.raises(NodeError, match=r"^FormatError$"):
        node.ask("show", **shown)


def test_the_longest_names_fit_a_code_of_73_modules(node: Node) -> None:
    """Two names of 39 letters each: the most that a passport prints."""
    longest: dict[str, Any] = {"family_name": "W" * 39, "given_name": "M" * 39}
    card = WORLD.card(cnf={"jwk": node.ask("key")}, **longest)
    shown = node.ask("show", card=card, at=seconds(NOW))
    assert len(shown) <= 667, "characters that version 14-L holds"


def test_w14_the_key_cannot_be_taken_out(node: Node) -> None:
    """Not even by the page that made it."""
    with pytest.raises(NodeError, match="InvalidAccess"):
        node.ask("export")


def test_tokens_of_the_phone_are_standard(node: Node) -> None:
    """A common library checks what the wallet signs for the issuer."""
    made = node.ask("jwt", header={"typ": "dpop+jwt"}, payload={"jti": "é"})
    token = jwt.decode(made, jwk.import_key(node.ask("key")), algorithms=["ES256"])
    assert token.claims == {"jti": "é"}
    assert token.header == {"alg": "ES256", "typ": "dpop+jwt"}


def test_the_number_at_a_counter_depends_on_phone_and_server(node: Node) -> None:
    """Eight digits, of which the last tells a slip of the finger."""
    numbers = {node.ask("number", random=str(each)) for each in range(40)}
    assert len(numbers) == 40
    assert all(len(each) == 8 and luhn(each) == 0 for each in numbers)


def luhn(digits: str) -> int:
    doubled = [
        int(each) * (2 if at % 2 else 1) for at, each in enumerate(reversed(digits))
    ]
    return sum(each // 10 + each % 10 for each in doubled) % 10
