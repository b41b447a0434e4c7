"""What is asked of a register, and what of its answers is believed."""

from datetime import date, timedelta
from typing import Any

import pytest

import verifier
from tests.simulator import NOW, World
from tests.verifier.registers import Register, credentials, parsed, serving
from verifier import BasisAnswer, MustSee, RegisterError

pytestmark = pytest.mark.enable_socket
TRUST = World(economies=["AUS", "NZL", "SGP"]).trust()
PASSPORT = verifier.Passport(country="AUS", number="PA1234567")
ARRIVAL = date(2030, 1, 16)


def ask(
    line: verifier.Register, passport: verifier.Passport = PASSPORT, **more: Any
) -> verifier.RegisterAnswer:
    usual = {"destination": "SGP", "arrival": ARRIVAL, "trust": TRUST, "now": NOW}
    return line.ask(passport, **{**usual, **more})


def test_a_signed_answer_is_believed_and_can_be_kept() -> None:
    """With everything that a desk shows; asked with the passport and nothing else."""
    register = Register()
    with serving(register) as url:
        found = ask(verifier.Register(url, parsed()))
    assert found.basis == verifier.EntryBasis(
        answer=BasisAnswer.GIVES,
        destination="SGP",
        arrival=ARRIVAL,
        answered_at=NOW,
        data_as_of=NOW - timedelta(hours=1),
        stay_until=date(2030, 3, 15),
        form="app",
        card_last_day=date(2034, 6, 30),
        passport_country="AUS",
        passport_number_end="567",
        must_see=(MustSee.PASSPORT, MustSee.FACE),
    )
    assert (found.economy, found.reference) == ("AUS", "K7QF-2M9T-HX4P")
    assert register.questions == [
        {
            "passport": {"country": "AUS", "number": "PA1234567"},
            "destination": "SGP",
            "arrival": "2030-01-16",
            "everybody": True,
        }
    ]


@pytest.mark.parametrize("answer", ["does_not_give", "no_answer"])
def test_without_an_entry_basis_nothing_goes_with_it(answer: str) -> None:
    """Even where a register says more than it should."""
    register = Register(answer=answer, says={"stay_until": "2030-03-15", "form": "app"})
    with serving(register) as url:
        found = ask(verifier.Register(url, parsed())).basis
    assert found.answer.value == answer
    assert (found.stay_until, found.form, found.passport_number_end) == (None,) * 3


def test_a_token_is_asked_for_once_and_again_when_it_ends() -> None:
    """After four minutes, and when the register does not know it any more."""
    register = Register()
    with serving(register) as url:
        line = verifier.Register(url, parsed())
        for _ in range(3):
            ask(line)
        assert register.tokens == 1
        register.now = lambda: NOW + timedelta(minutes=4)
        ask(line, now=NOW + timedelta(minutes=4))
        assert register.tokens == 2
        register.now = lambda: NOW
        register.refuses = 1
        with pytest.raises(RegisterError, match="401"):
            ask(line)
        ask(line)
        assert register.tokens == 3


@pytest.mark.parametrize(
    "says",
    [
        {"aud": "urn:abtc:client:aus-other"},
        {"passport": {"country": "AUS", "number": "PA7654321"}},
        {"destination": "NZL"},
        {"arrival": "2030-01-17"},
        {"exp": int(NOW.timestamp())},
        {"answer": "board"},
        {"answer": True},
        {"must_see": "face"},
        {"must_see": ["a smile"]},
        {"form": "paper"},
        {"stay_until": "soon"},
        {"answered_at": "2030-01-15T12:00:00"},
        {"answered_at": None},
        {"reference": 7},
        {"reference": "x" * 65},
        {"data_as_of": []},
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_none(says: dict[str, Any]) -> None:
    """For another client, about another passport or day, old, or of another form."""
    with (
        serving(Register(says=says)) as url,
        pytest.raises(RegisterError, match="answer"),
    ):
        ask(verifier.Register(url, parsed()))


def test_d9_another_economy_answers_for_nobody_else() -> None:
    """However well it is signed: only whom we asked has answered."""
    with (
        serving(Register(economy="NZL")) as url,
        pytest.raises(RegisterError, match="of another"),
    ):
        ask(verifier.Register(url, parsed()))


def test_i2_an_economy_that_is_for_tests_answers_nobody_for_real() -> None:
    """Its answers count where one trains, and nowhere else."""
    world = World(economies=["AUS", "SGP"])
    marked = {
        name: text.replace(b'"economy":"AUS",', b'"economy":"AUS","test":true,')
        for name, text in world.documents().items()
        if name == "AUS/issuer.json"
    }
    trust = world.trust(replace=marked)
    assert trust.issuers[0].is_test
    with serving(Register()) as url:
        line = verifier.Register(url, parsed())
        with pytest.raises(RegisterError, match="marked for tests"):
            ask(line, trust=trust)
        training = ask(line, trust=trust.for_training())
    assert training.basis.answer is BasisAnswer.GIVES


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"statement":7}'),
        (200, b'{"statement":"x"}'),
        (200, b'{"statement":"a.b.c"}'),
        (200, b"\xff" * 100_000),
        (500, b'{"statement":"x"}'),
        (503, b"SECRET"),
        (302, b""),
    ],
)
def test_rubbish_is_one_line_and_quoted_nowhere(status: int, body: bytes) -> None:
    """Whatever a server answers, the error is ours."""
    with (
        serving(Register(status=status, body=body)) as url,
        pytest.raises(RegisterError) as caught,
    ):
        ask(verifier.Register(url, parsed()))
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_register_that_is_slow_or_away_is_given_up() -> None:
    """Whoever stands at the counter does not wait for it."""
    with serving(Register(waits=2)) as url:
        line = verifier.Register(url, parsed())
        with pytest.raises(RegisterError, match=r"took too long|does not answer"):
            ask(line)
    with pytest.raises(RegisterError, match="takes no connections"):
        ask(verifier.Register(url, parsed()))


@pytest.mark.parametrize(
    "url", ["", "http://abtc.example", "https://", "ftp://127.0.0.1", "https://a/?q=1"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """https, or this machine."""
    with pytest.raises(RegisterError, match="address"):
        verifier.Register(url, parsed())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"SECRET",
        credentials(format="other"),
        credentials(client_id=""),
        credentials(client_id=7),
        credentials(economy="aus"),
        credentials(key=None),
        credentials(key={"kty": "EC", "crv": "P-256"}),
        credentials(key={"kty": "EC", "crv": "P-384", "d": "AA"}),
        credentials(key={"kty": "EC", "crv": "P-256", "d": "AA"}),
        credentials(key={"kty": "EC", "crv": "P-256", "d": "A" * 43}),
        credentials(key={"kty": "EC", "crv": "P-256", "d": "_" * 42 + "8"}),
    ],
)
def test_r7_credentials_that_are_none_are_refused_and_not_quoted(data: bytes) -> None:
    """One line, with nothing of the file in it."""
    with pytest.raises(RegisterError) as caught:
        verifier.RegisterCredentials.parse(data)
    assert "SECRET" not in str(caught.value)
    assert "d'" not in repr(parsed())


def test_trust_data_without_the_economy_is_told() -> None:
    """There is nobody to ask a token for."""
    trust = World(economies=["NZL"]).trust("NZL")
    with serving(Register()) as url, pytest.raises(RegisterError):
        ask(verifier.Register(url, parsed()), trust=trust)
