"""``abtc-wallet``: the server for holders' phones, and a wallet for testers.

The wallet keeps its keys in an encrypted file.  That is good for tests and for nothing
else: a file can be copied, and a holder's phone keeps its key where nothing can.

Exit status: 0 if everything went well, 1 if it was refused or failed, 64 for wrong
usage, 130 if interrupted.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

import verifier
from issuer.commands.asking import ask_passphrase
from issuer.commands.offering import make
from issuer.commands.opening import at_home
from issuer.errors import IssuerError, KeyFileError
from issuer.plastic.codes import qr_image, qr_lines
from wallet_api import serving
from wallet_api.config import VARIABLE, wallet_passphrase
from wallet_api.dcql import Journey, asked_for, journey, which
from wallet_api.holder import ANSWERED, CredentialError, claims_of
from wallet_api.holder_client import Holder, OfferError, read_offer
from wallet_api.holder_file import read_wallet, write_wallet
from wallet_api.holder_net import Network, Refused, Unreachable
from wallet_api.presenting import (
    Request,
    RequestError,
    answer,
    decline,
    read_request,
    read_roots,
)

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 64, 130
_MODULE: Final = 8
"""Pixels of a module in a picture."""
_Command = TypeVar("_Command", bound=Callable[..., Any])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``abtc-wallet`` and return its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _cli.main(given, prog_name="abtc-wallet", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        _complain(error.format_message())
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (
        click.ClickException, IssuerError, OSError, ValueError,
        OfferError, RequestError, CredentialError, Refused, Unreachable,
    ) as error:  # fmt: skip
        _complain(" ".join(str(error).split()))
        return FAILED
    return OK


def _complain(message: str) -> None:
    # Whoever made the link, or answered, may have chosen words of it.
    shown = "".join(each if each.isprintable() else "?" for each in message)
    click.echo(f"abtc-wallet: {shown}", err=True)


@click.group(name="abtc-wallet")
def _cli() -> None:
    """Serve holders' phones; take and show a card as a tester."""


@_cli.command("serve")
@at_home
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8322, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes; limits of requests count in each.",
)
def serve(folder: Path, host: str, port: int, workers: int) -> None:
    """Serve holders' phones until interrupted.

    Listens to other machines only where the settings say that https protects it.
    """
    with serving.listen(host, port) as opened:
        if workers > 1:
            click.echo(f"http://{host}:{port} (stop with Ctrl-C)")
            serving.run_many(folder, host=host, opened=opened, workers=workers)
            return
        app = serving.open_app(folder, host=host)
        click.echo(f"http://{host}:{port} (stop with Ctrl-C)")
        serving.run(app, opened)


_cli.add_command(make, name="offer")


# A wallet for testers


def _in_file(command: _Command) -> _Command:
    return click.option(
        "--file",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        help="Of the wallet; for tests only: a file can be copied.",
    )(command)


@_cli.command("accept")
@_in_file
@click.argument("link")
@click.option("--code", help="One-time code, which came another way than the link.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is the right card.")
def accept(path: Path, link: str, code: str | None, yes: bool) -> None:
    """Take an offer into a new wallet file.

    Where that was interrupted, the same command goes on.
    """
    network, passphrase = _network(), _passphrase(path, is_new=not path.exists())
    if path.exists():
        holder = _holder(path, passphrase)
    else:
        holder = Holder.for_offer(read_offer(link, network), network)
    if holder.card:
        raise KeyFileError(file=str(path), reason="has a card already: see refresh")
    # Before anything is asked for: the same keys ask again where an answer is lost.
    _keep(path, holder, passphrase)
    if holder.code:
        if holder.needs_code and code is None:
            code = click.prompt("One-time code", err=True)
        holder.redeem(code if holder.needs_code else None, network)
        _keep(path, holder, passphrase)
    _preview(holder, network)
    if not (yes or click.confirm("Is this your card?", err=True)):
        holder.own("holder/decline", network, {})
        path.unlink()
        click.echo("Declined.")
        return
    _fetch(path, holder, network, passphrase)


@_cli.command("refresh")
@_in_file
def refresh(path: Path) -> None:
    """Fetch the card, or the newest one."""
    network, passphrase = _network(), _passphrase(path)
    _fetch(path, _holder(path, passphrase), network, passphrase)


def _read_challenge(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> str | None:
    challenge = None if text is None else verifier.parse_challenge(text)
    if text is not None and challenge is None:
        raise click.BadParameter("not an officer's code: ABTCQ1: and a challenge")
    return challenge


@_cli.command("show")
@_in_file
@click.option("--once", is_flag=True, help="Show one code and stop.")
@click.option(
    "--png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one code into a picture instead.",
)
@click.option(
    "--challenge",
    metavar="TEXT",
    callback=_read_challenge,
    help="Answer an officer, whose code says TEXT, for 90 seconds.",
)
def show(path: Path, once: bool, png: Path | None, challenge: str | None) -> None:
    """Show the card's code, a new one every ten seconds; no network is needed."""
    phone = _holder(path, _passphrase(path)).phone()
    code_at = phone.show if challenge is None else partial(phone.answer, challenge)
    if png is not None:
        qr_image(code_at(_now()), module_pixels=_MODULE).save(png)
        return
    moment = _now()
    end = None if challenge is None else moment + ANSWERED
    while end is None or moment < end:
        click.echo("\n".join(qr_lines(code_at(moment))))
        if once:
            return
        renewal = phone.next_renewal(moment)
        left = (renewal if end is None else min(renewal, end)) - _now()
        time.sleep(max(0.0, left.total_seconds()))
        click.clear()
        moment = _now()
    click.echo("The officer's code is not answered any longer.")


@_cli.command("status")
@_in_file
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(path: Path, as_json: bool) -> None:
    """Say how the card stands, as its issuer tells it."""
    network, passphrase = _network(), _passphrase(path)
    holder = _holder(path, passphrase)
    found = holder.own("holder/card", network)
    _keep(path, holder, passphrase)
    if as_json:
        click.echo(json.dumps(found))
        return
    credential = found["credential"]
    click.echo(f"{credential['state']} since {credential['since']}")
    if not credential["is_newest"]:
        click.echo("There is a newer card: see refresh.")
    for each in found["economies"]:
        parts = (each["code"], each["state"], each["since"], _stay(each["stay"]))
        click.echo(" ".join(part for part in parts if part))


def _stay(span: dict[str, Any] | None) -> str:
    return f"stay {span['value']} {span['unit']}" if span else ""


@_cli.command("move")
@_in_file
def move(path: Path) -> None:
    """Offer the card to the next phone, which will end it on this one."""
    network, passphrase = _network(), _passphrase(path)
    holder = _holder(path, passphrase)
    made = holder.own("holder/move", network, {})
    _keep(path, holder, passphrase)
    click.echo("\n".join(qr_lines(str(made["offer"]))))
    click.echo(made["offer"])
    click.echo(f"One-time code: {made['tx_code']}, until {made['expires_at']}")


@_cli.command("present")
@_in_file
@click.argument("link")
@click.option(
    "--root",
    "roots",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    multiple=True,
    help="Certificates (PEM) of those whose word is taken on who asks.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether to share the card.")
def present(path: Path, link: str, roots: tuple[Path, ...], yes: bool) -> None:
    """Show the card to a desk that asks for it over the network.

    LINK is what its code says, or a signed request itself.
    """
    holder = _holder(path, _passphrase(path))
    known = [each for root in roots for each in read_roots(root)]
    network = Network(clock=_now, who="the desk")
    request = read_request(link, network, roots=known)
    wanted = _journey(request)
    if wanted is not None:
        _prove(path, holder, wanted, request, network, yes=yes)
        return
    phone, card = holder.phone(), claims_of(holder.card)
    ids = which(request.query, card)
    click.echo(f"{request.who} asks for: {', '.join(asked_for(request.query))}")
    if not ids:
        # Nothing is sent: how soon a no comes would tell what is on the card.
        raise RequestError("this card does not answer what the desk asks")
    click.echo(f"It would get the whole card, which hides nothing: {', '.join(card)}")
    if not _agreed(request, network, yes=yes):
        return
    shown = phone.present(request.client_id, request.nonce, _now())
    _send(request, ids, shown, network)


def _journey(request: Request) -> Journey | None:
    try:
        return journey(request.query)
    except ValueError as error:
        raise RequestError(str(error)) from error


def _prove(
    path: Path,
    holder: Holder,
    wanted: Journey,
    request: Request,
    network: Network,
    *,
    yes: bool,
) -> None:
    """Share a proof of an entry basis in the place of the card."""
    destination, arrival = wanted.destination, wanted.arrival
    also = f", with {', '.join(wanted.wanted)}" if wanted.wanted else ""
    click.echo(
        f"{request.who} asks whether your card gives an entry basis for {destination} "
        f"on {arrival}. It would get the answer{also}, and nothing else of the card. "
        "Your card's issuer would learn where and when, and not who asks."
    )
    if not _agreed(request, network, yes=yes):
        return
    passphrase, asks = _passphrase(path), _network()
    try:
        proof = holder.prove(destination, arrival, asks)
    finally:
        _keep(path, holder, passphrase)
    if proof is None:
        # Nothing is sent: a no would tell what is on the card.
        raise RequestError("your card's issuer does not say that it gives one there")
    shown = proof.present(
        request.client_id, request.nonce, asks.now(), disclose=wanted.wanted
    )
    _send(request, [wanted.id], shown, network)


def _agreed(request: Request, network: Network, *, yes: bool) -> bool:
    if yes or click.confirm("Share it?", err=True):
        return True
    decline(request, network)
    click.echo("Not shared.")
    return False


def _send(request: Request, ids: Sequence[str], shown: str, network: Network) -> None:
    further = answer(request, ids, shown, network)
    click.echo("Shared." if further is None else f"Shared. Go on at {further}")


def _fetch(path: Path, holder: Holder, network: Network, passphrase: bytes) -> None:
    try:
        is_here = holder.fetch(network)
    finally:
        _keep(path, holder, passphrase)
    text = "The card is here." if is_here else "The card comes later: see refresh."
    click.echo(text)


def _preview(holder: Holder, network: Network) -> None:
    try:
        found = holder.own("holder/preview", network)
    except Refused as error:
        if error.status != 404:
            raise
        return  # another issuer, without this API of ours
    name = found["holder"]
    click.echo(f"{name['family_name']}, {name['given_name']}: {found['issuer_name']}")


def _holder(path: Path, passphrase: bytes) -> Holder:
    return Holder.from_json(read_wallet(path, passphrase=passphrase))


def _keep(path: Path, holder: Holder, passphrase: bytes) -> None:
    write_wallet(path, holder.to_json(), passphrase=passphrase)


def _passphrase(path: Path, *, is_new: bool = False) -> bytes:
    return ask_passphrase(
        path.name, known=wallet_passphrase(), variable=VARIABLE, is_new=is_new
    )


def _network() -> Network:
    return Network(clock=_now)


def _now() -> datetime:
    return datetime.now(UTC)
