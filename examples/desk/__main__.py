"""Run a desk: ``python -m examples.desk trial`` and ``serve``."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask

import verifier
from examples.desk.desk import Desk
from examples.desk.identity import ROOT_FILE, Identity, write_trial
from examples.desk.questions import Destination, Purpose
from examples.desk.web import MAX_ANSWER, counter_app, phones_app
from issuer.scheme import Scheme

OK, FAILED = 0, 1
_HERE: Final = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 if it went well."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except KeyboardInterrupt:
        return OK
    except (OSError, ValueError, verifier.VerifierError) as error:
        print(f"desk: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    return OK


def destination(text: str) -> Destination:
    """Read ``JPN=Asia/Tokyo``."""
    code, _, zone = text.partition("=")
    try:
        name = Scheme.load().economy(code).name
        return Destination(code=code, name=name, zone=ZoneInfo(zone))
    except (KeyError, ValueError, ZoneInfoNotFoundError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not such as JPN=Asia/Tokyo") from (
            error
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.desk", description=__doc__
    )
    commands = parser.add_subparsers(required=True)
    trial = commands.add_parser("trial", help="make a key and certificates for trials")
    trial.add_argument("folder", type=Path)
    trial.add_argument("--name", default="Example Air", help="of the house")
    trial.set_defaults(run=_trial)
    serve = commands.add_parser("serve", help="serve phones, and the counter")
    serve.add_argument("--identity", type=Path, required=True, metavar="DIR")
    serve.add_argument("--store", type=Path, required=True, metavar="DIR",
                       help="trust store; abtc-verify sync fills it")  # fmt: skip
    serve.add_argument("--url", required=True, help="where phones reach --port")
    serve.add_argument("--to", type=destination, required=True, action="append",
                       metavar="JPN=Asia/Tokyo")  # fmt: skip
    serve.add_argument("--purpose", type=Purpose, default=Purpose.AIRLINE,
                       choices=list(Purpose))  # fmt: skip
    serve.add_argument("--encrypted", action="store_true",
                       help="take encrypted answers alone")  # fmt: skip
    serve.add_argument("--port", type=int, default=8340, help="for phones")
    serve.add_argument("--counter-port", type=int, default=8341)
    serve.add_argument("--counter-host", action="append", default=[],
                       help="another name of the counter's page")  # fmt: skip
    serve.set_defaults(run=_serve)
    return parser


def _trial(given: argparse.Namespace) -> None:
    write_trial(given.folder, given.name, now=_now())
    print(f"Let wallets for trials trust {given.folder / ROOT_FILE}.")


def _serve(given: argparse.Namespace) -> None:
    store = verifier.TrustStore(given.store)
    store.load()  # say now rather than to a traveller that there is nothing
    desk = Desk(
        identity=Identity.load(given.identity),
        url=given.url,
        trust=store.load,
        is_sealed=given.encrypted,
    )
    places = {each.code: each for each in given.to}
    phones = phones_app(desk, _now)
    counter = counter_app(desk, places, given.purpose, _now, hosts=given.counter_host)
    print(f"The counter's page is http://{_HERE}:{given.counter_port}/", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))
    background = threading.Thread(target=_run, args=(phones, given.port), daemon=True)
    background.start()
    _run(counter, given.counter_port)


def _run(app: Flask, port: int) -> None:
    from waitress import serve  # noqa: PLC0415

    serve(
        app, host=_HERE, port=port, threads=4, channel_timeout=30, ident=None,
        max_request_body_size=MAX_ANSWER, clear_untrusted_proxy_headers=True,
    )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
