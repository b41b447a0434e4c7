"""A card moves to its holder's new phone; the old one says so and shows it no more.

    python -m examples.new_phone

The old phone makes the offer and shows the code for it: nobody at an office is needed.
A card is on one phone at a time, and it is the server that changes both at once.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from examples.wallet_economy import Economy, network, open_economy, say
from wallet_api.holder_client import Holder, read_offer
from wallet_api.holder_net import Network, Refused


def main() -> int:
    """Play it in a folder that is thrown away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_economy(Path(folder) / "office") as economy,
    ):
        play(economy)
    return 0


def play(economy: Economy) -> tuple[Holder, Holder]:
    """Move a card; return the old phone and the new one."""
    asks = network()
    made = economy.clerk("offer.make", card=economy.approved_card())
    old = taken("Old phone", made.link, made.one_time_code, asks)

    move = old.own("holder/move", asks, {})
    say("Old phone", f"Shows an offer to scan, and the code {move['tx_code']}.")
    new = taken("New phone", move["offer"], move["tx_code"], asks)

    state = old.own("holder/card", asks)["credential"]
    say("Old phone", f"Card moved on {state['since'][:10]}. ({state['state']})")
    try:
        old.fetch(asks)
    except Refused as error:
        say("Old phone", f"Asks for the card all the same: {error}.")
    for device in new.own("holder/devices", asks)["devices"]:
        say("New phone", f"{_name(device)}: {device['state']}")
    return old, new


def taken(who: str, link: str, one_time_code: str, asks: Network) -> Holder:
    """Let a phone take an offer, as far as the card."""
    holder = Holder.for_offer(read_offer(link, asks), asks)
    holder.redeem(one_time_code, asks)
    is_here = holder.fetch(asks)
    news = "the card is here" if is_here else "the card comes later"
    say(who, f"Scans the offer, types {one_time_code}: {news}.")
    return holder


def _name(device: dict[str, Any]) -> str:
    return "This phone" if device["this"] else "Another phone"


if __name__ == "__main__":
    sys.exit(main())
