"""A traveller proves an entry basis to an airline, and shares nothing else of the card.

    python -m examples.one_id

Australia issues the card and Singapore clears its holder; both publish what they say.
The airline asks "Singapore, that day?". The phone gets a proof of just that from
Australia, for a key that it makes for it, and shows it. Then others try to use what the
airline was shown. The servers and signatures are real; the economies are for trials,
and so the airline's desk believes what is for trials.
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from cryptography import x509
from werkzeug.serving import make_server

import verifier
from examples.desk.answers import Shown
from examples.desk.book import Asked
from examples.desk.desk import Desk
from examples.desk.identity import make_trial
from examples.desk.questions import Destination, Purpose, Question
from examples.desk.web import phones_app
from examples.new_phone import taken
from examples.wallet_economy import Economy, Quiet, network, now, open_economy, say
from issuer.documents import scheme_document
from issuer.publication import open_publisher
from wallet_api import serving
from wallet_api.dcql import Journey, journey
from wallet_api.holder_client import Holder
from wallet_api.holder_net import Refused
from wallet_api.holder_proof import EntryProof
from wallet_api.presenting import Request, answer, read_request

TO: Final = Destination(code="SGP", name="Singapore", zone=ZoneInfo("Asia/Singapore"))
_ELSEWHERE: Final = Destination(code="JPN", name="Japan", zone=ZoneInfo("Asia/Tokyo"))
STORE: Final = "trust-store"
_SETTINGS: Final = f'\n[wallet.entry_basis]\ntrust = "{STORE}"\nhours = 12\n'
_HOST: Final = "127.0.0.1"
_PASSPORT: Final = verifier.Passport(country="AUS", number="PA1234567")
_ANOTHER: Final = verifier.Passport(country="AUS", number="PA7654321")


def main() -> int:
    """Play it in a folder that is thrown away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_economy(
            Path(folder) / "office", also=[TO.code], settings=_SETTINGS
        ) as economy,
    ):
        play(economy)
    return 0


def play(economy: Economy) -> None:
    """Get a card, prove an entry basis with it, and try what should not work."""
    holder = _cleared(economy)
    _publish(economy)
    store = verifier.TrustStore(economy.office.installation.path(STORE))
    with _airline(store) as (desk, roots):
        arrival = now().astimezone(TO.zone).date() + timedelta(days=2)
        asked = _ask(desk, arrival)
        request = read_request(desk.link(asked), network(), roots=roots)
        wanted = journey(request.query)
        if wanted is None:
            raise AssertionError("the desk asks about a journey")
        if request.recipient is None:
            raise AssertionError("the desk wants the answer encrypted")
        say("Phone", f"{request.who} asks: {wanted.destination} on {wanted.arrival}?")
        say("Phone", f"It would get the answer, with {' and '.join(wanted.wanted)}.")
        proof = holder.prove(wanted.destination, wanted.arrival, network())
        if proof is None:
            raise AssertionError("the card gives an entry basis")
        shown = _show(proof, asked, request.client_id, *wanted.wanted)
        answer(request, [wanted.id], shown, network())
        _read(asked)
        _misuse(desk, proof, shown, wanted, request)


def _cleared(economy: Economy) -> Holder:
    """Let a traveller's card be cleared by its destination, and go to a phone."""
    card = economy.approved_card()
    case = economy.officer("application.list").applications[0].id
    economy.officer("application.circulate", application=case)
    lane = economy.officer("incoming.list", of=TO.code).requests[0].lane.id
    economy.officer("incoming.decide", of=TO.code, preclearance=lane, event="approve")
    say(TO.name, "Clears the traveller.")
    made = economy.clerk("offer.make", card=card)
    return taken("Phone", made.link, made.one_time_code, network())


def _publish(economy: Economy) -> None:
    """Publish what both economies say, and bring a device up to date."""
    publisher, places = open_publisher(economy.office), economy.office.installation
    scheme = scheme_document(economy.office.packaged_scheme, issued_at=now())
    publisher.init(scheme, now=now())
    for code in ("AUS", TO.code):
        publisher.add_economy(code, now=now())
        economy.officer("lists.publish", of=code)
    public = places.path(places.publish.out)
    (first,) = public.rglob("1.root.json")
    store = verifier.TrustStore(places.path(STORE))
    store.sync(public, root=first.read_bytes(), now=now())
    say("Trust data", f"version {store.load().version} is at the desk and the issuer")


@contextmanager
def _airline(
    store: verifier.TrustStore,
) -> Iterator[tuple[Desk, list[x509.Certificate]]]:
    """Serve an airline's desk, and say whose word on its name a wallet takes."""
    listening = serving.listen(_HOST, 0)
    identity, root = make_trial("Example Air", now=now())
    desk = Desk(
        identity=identity,
        url=f"http://{_HOST}:{listening.getsockname()[1]}",
        trust=lambda: store.load().for_training(),
        is_sealed=True,
    )
    server = make_server(
        _HOST, 0, phones_app(desk, now), threaded=True, request_handler=Quiet,
        fd=listening.fileno(),
    )  # fmt: skip
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield desk, [root]
    finally:
        server.shutdown()
        server.server_close()
        listening.close()


def _ask(
    desk: Desk,
    arrival: date,
    to: Destination = TO,
    passport: verifier.Passport = _PASSPORT,
) -> Asked:
    question = Question(
        purpose=Purpose.JOURNEY, destination=to, passport=passport, arrival=arrival
    )
    return desk.book.open(question, now())


def _show(proof: EntryProof, asked: Asked, client_id: str, *disclose: str) -> str:
    return proof.present(client_id, asked.nonce, now(), disclose=disclose)


def _read(asked: Asked) -> None:
    """Print what staff read, and the reason in the desk's log."""
    outcome = asked.outcome
    if outcome is not None:
        notes = " ".join(outcome.notes)
        say("Airline", f"{outcome.line} {notes} [{outcome.reason}]")


def _misuse(
    desk: Desk, proof: EntryProof, shown: str, wanted: Journey, request: Request
) -> None:
    """Try what somebody might who has seen the answer, or has stolen the proof."""
    arrival, name = wanted.arrival, desk.identity.client_id
    say("Somebody", "Sends the same answer once more:")
    try:
        answer(request, [wanted.id], shown, network())
    except Refused as error:
        say("Airline", f"{error}.")
    seen = _ask(desk, arrival)
    _try(desk, seen, shown, "Answers another question with what was shown:")
    seen = _ask(desk, arrival)
    _try(desk, seen, _show(proof, seen, "x509_hash:another", *wanted.wanted),
         "Passes on what was made for another airline:")  # fmt: skip
    seen = _ask(desk, arrival, passport=_ANOTHER)
    _try(desk, seen, _show(proof, seen, name, *wanted.wanted),
         "Travels on another passport:")  # fmt: skip
    seen = _ask(desk, arrival, to=_ELSEWHERE)
    _try(desk, seen, _show(proof, seen, name, *wanted.wanted),
         "Wants to go somewhere else with it:")  # fmt: skip
    seen = _ask(desk, arrival + timedelta(days=1))
    _try(desk, seen, _show(proof, seen, name, *wanted.wanted),
         "Wants to arrive a day later:")  # fmt: skip


def _try(desk: Desk, asked: Asked, shown: str, what: str) -> None:
    say("Somebody", what)
    desk.receive(Shown(state=asked.state, presentation=shown), now())
    _read(asked)


if __name__ == "__main__":
    sys.exit(main())
