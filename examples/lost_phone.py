"""A phone is lost: its holder suspends the card from any other, and gets a new one.

    python -m examples.lost_phone

Two things are needed that are not in the phone: the number of the card, and the code
that was told when the card was given. The code can only stop the card. That another
phone gets it again is for the office, which sees the holder.
"""

import sys
import tempfile
from pathlib import Path

from examples.new_phone import taken
from examples.wallet_economy import Economy, network, open_economy, say
from issuer.errors import Conflict
from wallet_api.holder_client import Holder, report_lost
from wallet_api.holder_net import Refused


def main() -> int:
    """Play it in a folder that is thrown away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_economy(Path(folder) / "office") as economy,
    ):
        play(economy)
    return 0


def play(economy: Economy) -> tuple[Holder, Holder]:
    """Lose a phone; return the lost one and the new one."""
    asks = network()
    card = economy.approved_card()
    made = economy.clerk("offer.make", card=card)
    lost = taken("Phone", made.link, made.one_time_code, asks)
    number = lost.phone().document_number
    say("Holder", f"Keeps at home: card {number}, code {made.lost_phone_code}.")

    try:
        report_lost(economy.issuer, number, "0000-0000-0000", asks)
    except Refused as error:
        say("A stranger", f"Guesses a code: {error}.")
    report_lost(economy.issuer, number, made.lost_phone_code.lower(), asks)
    say("Holder", "Reports the loss from a friend's phone: taken.")
    state = lost.own("holder/card", asks)["credential"]["state"]
    say("Lost phone", f"The card on it is {state}.")

    try:
        economy.clerk("offer.make", card=card)
    except Conflict as error:
        say("Clerk", f"Offers the card again: {error.detail}.")
    economy.clerk("card.report_lost", card=card, what="phone")
    again = economy.clerk("offer.make", card=card)
    say("Clerk", "Sees the holder, records that the phone is lost, and offers it.")
    new = taken("New phone", again.link, again.one_time_code, asks)
    state = lost.own("holder/card", asks)["credential"]["state"]
    say("Lost phone", f"Whoever found it has a card that is {state}.")
    return lost, new


if __name__ == "__main__":
    sys.exit(main())
