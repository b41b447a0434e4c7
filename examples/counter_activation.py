"""A card is given to a phone at a counter: no link, no mail, no code on paper.

    python -m examples.counter_activation

The phone shows eight digits that follow from its own key and from what the server drew.
The holder reads them aloud, the officer types them, and no other phone can take the
card. Each line says who sees or does what.
"""

import sys
import tempfile
from pathlib import Path

from examples.wallet_economy import Economy, network, now, open_economy, say
from issuer.errors import Conflict
from wallet_api.holder_client import AtCounter, Holder


def main() -> int:
    """Play it in a folder that is thrown away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_economy(Path(folder) / "office") as economy,
    ):
        play(economy)
    return 0


def play(economy: Economy) -> Holder:
    """Give an approved card to a phone; return the phone that has it."""
    card = economy.approved_card()
    say("Back office", f"Card {card} is approved; its holder stands at the counter.")

    asks = network()
    waiting = AtCounter.begin(economy.issuer, asks)
    number = f"{waiting.number[:4]} {waiting.number[4:]}"
    say("Phone", f"Read this number to the officer: {number}")

    heard = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    try:
        economy.clerk("counter.activate", card=card, number=heard)
    except Conflict as error:
        say("Clerk", f"Types {heard}: {error.detail}.")

    made = economy.clerk("counter.activate", card=card, number=number)
    say("Clerk", f"Compares face and portrait, types {number}: the card is offered.")
    say(
        "Paper", f"Lost-phone code, to keep away from the phone: {made.lost_phone_code}"
    )

    offer = waiting.offer(asks)
    if offer is None:
        raise AssertionError("the officer has typed the number")
    holder = Holder.for_offer(offer, asks, token_key=waiting.token_key)
    holder.redeem(None, asks)
    shown = holder.own("holder/preview", asks)
    name, passport = shown["holder"], shown["passport"]
    say("Phone", f"Is this your card? {name['family_name']}, {name['given_name']}; "
        f"passport {passport['country']} •••• {passport['number_end']}")  # fmt: skip

    holder.fetch(asks)
    phone = holder.phone()
    say("Phone", f"The card is here. Its number is {phone.document_number}.")
    say("Phone", f"Shows a code that only it can make: {phone.show(now())[:24]}…")
    return holder


if __name__ == "__main__":
    sys.exit(main())
