"""``abtc-verify``: the verifier on the command line.

Exit status: 0 if everything went well, 1 if an input was not what it should be, 64 for
wrong usage, 130 if interrupted.
"""

import argparse
import base64
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from ._packing import pack, unpack

OK, BAD_INPUT, USAGE, INTERRUPTED = 0, 1, 64, 130
_MAX_LINE = 16_384
"""Characters of a line of standard input; no QR code or card is longer."""


class _InputError(Exception):
    """An input that cannot be worked with; the message is one line for a person."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``abtc-verify`` and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="abtc-verify", description="Check ABTC cards.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(
        commands.add_parser,
        "unpack",
        "turn QR text into the presentation text that was signed",
        "QR text, a PNG or JPEG picture, or - for standard input, one text a line",
    )
    _add(
        commands.add_parser,
        "pack",
        "turn presentation text into QR text",
        "presentation text, or - for standard input, one text a line",
    )
    return parser


def _add(
    add: Callable[..., argparse.ArgumentParser], name: str, what: str, inp: str
) -> None:
    command = add(name, help=what, description=f"{what.capitalize()}.")
    command.add_argument("input", metavar="INPUT", help=inp)
    command.add_argument(
        "--json", action="store_true", help="print one object an input"
    )


def _run(options: argparse.Namespace) -> int:
    convert = _unpacked if options.command == "unpack" else _packed
    status = OK
    try:
        for text in _texts(options.input, pictures=options.command == "unpack"):
            if not _print_one(text, convert, as_json=options.json):
                status = BAD_INPUT
    except _InputError as error:
        _print_error(str(error), as_json=options.json)
        return BAD_INPUT
    return status


def _print_one(
    text: str, convert: Callable[[str], dict[str, object]], *, as_json: bool
) -> bool:
    try:
        result = convert(text)
    except ValueError as error:
        _print_error(str(error), as_json=as_json)
        return False
    print(json.dumps(result) if as_json else result["text"], flush=True)
    return True


def _print_error(message: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": message}), flush=True)
    else:
        print(f"abtc-verify: {message}", file=sys.stderr)


def _packed(text: str) -> dict[str, object]:
    qr_text = pack(text)
    return {"text": qr_text, "characters": len(qr_text)}


def _unpacked(text: str) -> dict[str, object]:
    presentation = unpack(text)
    card, _, proof = presentation.partition("~")
    return {
        "text": presentation,
        "card": _decoded(card),
        "proof": _decoded(proof) if proof else None,
    }


def _decoded(token: str) -> dict[str, object]:
    header, payload, _ = token.split(".")
    return {"header": _json_part(header), "payload": _json_part(payload)}


def _json_part(part: str) -> object:
    # Unpacking has just written this part, so it is well-formed.
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _texts(source: str, *, pictures: bool) -> Iterator[str]:
    if source == "-":
        yield from _lines(sys.stdin)
    elif pictures and not source.startswith("ABTC"):
        yield from _picture_texts(Path(source))
    else:
        yield source


def _lines(stream: TextIO) -> Iterator[str]:
    stream.reconfigure(errors="replace")  # type: ignore[attr-defined]
    while line := stream.readline(_MAX_LINE):
        rest = line
        while len(rest) == _MAX_LINE and not rest.endswith("\n"):
            rest = stream.readline(_MAX_LINE)  # what is so long is refused anyway
        yield line.rstrip("\r\n")


def _picture_texts(path: Path) -> tuple[str, ...]:
    try:
        from .scan import read_codes  # noqa: PLC0415  # an extra that may be absent
    except ImportError as error:
        raise _InputError("reading pictures needs abtc[scan]") from error
    try:
        texts = read_codes(path)
    except ValueError as error:
        raise _InputError(f"{path}: {error}") from error
    if not texts:
        raise _InputError(f"{path}: no ABTC code found")
    return texts
