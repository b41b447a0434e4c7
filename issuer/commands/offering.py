"""``abtc-issuer offer make``: a card for a phone, on the screen or in a picture."""

from pathlib import Path

import click

from issuer.commands.desks import open_desk
from issuer.commands.opening import at_home
from issuer.offers import MakeOffer, OfferMade
from issuer.operations import all_operations
from issuer.plastic.codes import qr_image, qr_lines

_MODULE = 8
"""Pixels of a module in a picture."""


@click.group("offer")
def group() -> None:
    """Cards offered to phones."""


@group.command("make")
@click.option("--card", type=int, required=True, help="Number of the card.")
@click.option("--reason", required=True, help="Why, for the audit log.")
@click.option(
    "--png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the code to scan into a picture, instead of showing it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@at_home
def make(folder: Path, card: int, reason: str, png: Path | None, as_json: bool) -> None:
    """Offer a card to a phone.

    What is printed is told once.  The one-time code travels another way than the link.
    For the roles: issuing.
    """
    desk = open_desk(folder, reason, None)
    try:
        made = all_operations()["offer.make"].perform(desk, MakeOffer(card=card))
    finally:
        desk.office.store.close()
    assert isinstance(made, OfferMade)  # noqa: S101  # as the operation is declared
    if png is not None:
        qr_image(made.link, module_pixels=_MODULE).save(png)
    if as_json:
        click.echo(made.model_dump_json())
        return
    if png is None:
        click.echo("\n".join(qr_lines(made.link)))
    for name, text in (
        ("Link", made.link),
        ("Web wallet", made.wallet_link),
        ("One-time code", made.one_time_code),
        ("Lost-phone code", made.lost_phone_code),
        ("Good until", made.ends_at.isoformat()),
    ):
        click.echo(f"{name}: {text}")
