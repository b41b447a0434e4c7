"""``abtc-issuer passport-broker``: pass sealed questions about passports on."""

import signal
import sys
from pathlib import Path
from typing import Final

import click

import verifier
from issuer.commands.opening import now
from issuer.passport_register.askers import Askers
from issuer.passport_register.broker import MAX_BODY, Broker, Partners

_THREADS: Final = 32
_MAX_HEADERS: Final = 16 * 1024


@click.group("passport-broker")
def group() -> None:
    """Pass sealed questions about passports to their owners, and keep nothing.

    docs/passport-check.md has the protocol.
    """


@group.command("serve")
@click.option(
    "--partners",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="TOML file: where owners are, and how long they are waited for.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8331,
    show_default=True,
    help="Port to listen at; 0 is any that is free.",
)
@click.option(
    "--proxies",
    type=click.IntRange(0, 4),
    default=0,
    show_default=True,
    help="Proxies of ours in front, which say from where somebody asks.",
)
def serve(partners: Path, host: str, port: int, proxies: int) -> None:
    """Pass questions on until interrupted.

    Put a proxy with https before it where others than this machine ask.  GET /health
    says which owners do not answer.
    """
    from werkzeug.middleware.proxy_fix import ProxyFix  # noqa: PLC0415

    from issuer.commands.connections import Connection, make_server  # noqa: PLC0415

    settings = Partners.load(partners)
    askers = None
    if settings.trust is not None:
        askers = Askers(trust=verifier.TrustStore(Path(settings.trust)).load)
    server = make_server(
        ProxyFix(Broker(settings, now=now, askers=askers), x_for=proxies),
        kind=Connection,
        max_body=MAX_BODY,
        max_headers=_MAX_HEADERS,
        proxies=proxies,
        threads=_THREADS,
        host=host,
        port=port,
    )
    # Told to end, as interrupted: what is being answered is finished.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    where = f"http://{server.effective_host}:{server.effective_port}"
    click.echo(f"{where} (stop with Ctrl-C)")
    server.run()
