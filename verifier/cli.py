"""``abtc-verify``: the verifier on the command line.

Exit status of ``check``: 0 accepted, 1 rejected (or an input that is no card at all),
2 undecided (or a store that cannot be used); with several inputs, 0 only if all are
accepted, else 1 if any is rejected, else 2; a log that cannot be written changes
nothing but for one line on standard error. Of the other commands: 0 if everything went
well, 1 if not. 64 for wrong usage, 130 if interrupted.
"""

import argparse
import base64
import contextlib
import getpass
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import _report
from ._algorithm import verify
from ._floor import Floor
from ._packing import is_any_version, pack, unpack
from .asking import PassportAsker
from .card import is_economy_code
from .collecting import Collector, DeviceKey, seal_log, send_log
from .decision import Decision
from .errors import PolicyError, RegisterError, ScanLogError, TrustError
from .passport import Passport
from .policy import Policy
from .register import Register, RegisterCredentials
from .scan_log import LogHead, ScanLog, ScanLogExport
from .store import StoreInfo, SyncReport, TrustStore
from .trust import Trust

if TYPE_CHECKING:
    from .console.desk.counter import Counter

OK, BAD_INPUT, UNDECIDED, USAGE, INTERRUPTED = 0, 1, 2, 64, 130
_STATUS = {"accepted": OK, "rejected": BAD_INPUT, "undecided": UNDECIDED}
_FIRST_YEAR, _LAST_YEAR = 1970, 2099
_MAX_FILE = 8 * 2**20
"""Bytes of a root or a mark."""
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
    if sys.stdout is None:
        return BAD_INPUT
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
    parser = _Parser(prog="abtc-verify", description="Check ABTC cards, offline.")
    parser.add_argument("--version", action="version", version=metadata.version("abtc"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, what in (
        ("check", _check, "decide about cards, from QR text or pictures"),
        ("sync", _sync, "bring the trust data on this device up to date"),
        ("info", _info, "say what trust data is on this device"),
        ("unpack", _unpack, "turn QR text into the presentation text that was signed"),
        ("pack", _pack, "turn presentation text into QR text"),
    ):
        command = commands.add_parser(name, help=what, description=f"{what}.")
        command.set_defaults(run=run)
        command.add_argument(
            "--json", action="store_true", help="print one JSON object, for programs"
        )
        if name in {"check", "unpack"}:
            command.add_argument("input", metavar="INPUT", help=_QR_INPUT)
        if name == "pack":
            command.add_argument("input", metavar="INPUT", help=_TEXT_INPUT)
        if name in {"check", "sync", "info"}:
            command.add_argument(
                "--store", required=True, metavar="DIR", type=Path, help=_STORE
            )
            command.add_argument(
                "--floor", type=_floor, metavar="FILE", default=Floor(), help=_FLOOR
            )
            _add_now(command)
        if name == "check":
            _add_check_options(command)
        if name == "sync":
            _add_sync_options(command)
    _add_log_commands(commands)
    _add_console_command(commands)
    _add_desk_command(commands)
    return parser


_HOME = "folder of the console itself; beside the store unless told"
_JSON = "print one JSON object for each answer, for programs"
_STORE = "folder of the trust data on this device"
_FLOOR = "a mark that came with the installation: floor-a of an up-to-date store"
_LOG = "folder of the log of scans; it names no traveller"
_LOG_KEY = "file with the key of the log, as `log key` makes it"
_HEAD = "the last row as it was noted elsewhere, such as from an export"
_COLLECTOR = "whom the log is for, as the back office said at enrolment"
_DEVICE_KEY = "file with the key of this device, as `log device-key` makes it"
_PASSPORT_CHECK = (
    "where passports are asked about: https://HOST/services/v1/ECONOMY/passport-asks"
)
_URL = "address of the collector: https://HOST/collect/ECONOMY/scan-log"
_NOTES = "also hand out what officers wrote down"
_QR_INPUT = "QR text, a PNG or JPEG picture, or - for standard input, one text a line"
_TEXT_INPUT = "presentation text, or - for standard input, one text a line"


def _add_check_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--economy", required=True, metavar="AAA", help="whose border this is"
    )
    command.add_argument("--log", metavar="DIR", type=Path, help=_LOG)
    command.add_argument("--log-key", metavar="FILE", type=Path, help=_LOG_KEY)
    passport = command.add_mutually_exclusive_group()
    passport.add_argument(
        "--passport",
        type=_passport,
        metavar="COUNTRY:NUMBER",
        help="the passport that was shown, such as AUS:PA1234567",
    )
    passport.add_argument(
        "--mrz", type=_mrz, metavar="FILE", help="its machine-readable lines"
    )


def _add_log_commands(
    commands: "argparse._SubParsersAction[_Parser]",
) -> None:
    what = "read, check and export the log of scans of this device"
    command = commands.add_parser("log", help=what, description=f"{what}.")
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, what in (
        ("key", _log_key, "make the key of a log"),
        ("show", _log_show, "count outcomes and reasons by day"),
        ("verify", _log_verify, "say whether the log is as it was written"),
        ("export", _log_export, "write what was not exported yet as JSON Lines"),
        ("device-key", _log_device_key, "make the key that signs what is sent"),
        ("seal", _log_seal, "write it into a file for the collector only"),
        ("send", _log_send, "send it to the economy's collector"),
    ):
        action = actions.add_parser(name, help=what, description=f"{what}.")
        action.set_defaults(run=run)
        action.add_argument("--json", action="store_true", help=_JSON)
        if name in {"key", "device-key"}:
            action.add_argument("out", metavar="FILE", type=Path, help="a new file")
            continue
        for option, metavar, text in (
            ("--log", "DIR", _LOG),
            ("--log-key", "FILE", _LOG_KEY),
        ):
            action.add_argument(
                option, metavar=metavar, type=Path, required=True, help=text
            )
        if name == "verify":
            action.add_argument("--head", type=_head, metavar="NUMBER:HASH", help=_HEAD)
        if name in {"seal", "send"}:
            _add_collector_options(action, name)
        if name in {"export", "seal"}:
            action.add_argument("--out", type=Path, metavar="FILE", required=True)
        if name == "export":
            action.add_argument("--notes", action="store_true", help=_NOTES)


def _add_console_command(
    commands: "argparse._SubParsersAction[_Parser]",
) -> None:
    what = "serve the officer's console to a browser on this device"
    command = commands.add_parser("console", help=what, description=f"{what}.")
    command.set_defaults(run=_console, json=False)
    command.add_argument(
        "--store", required=True, metavar="DIR", type=Path, help=_STORE
    )
    command.add_argument(
        "--economy",
        required=True,
        metavar="AAA",
        type=_economy,
        help="whose border this is",
    )
    command.add_argument(
        "--zone",
        type=_zone,
        metavar="AREA/CITY",
        help="of the border; else the time zone of this device",
    )
    command.add_argument(
        "--floor", type=_floor, metavar="FILE", default=Floor(), help=_FLOOR
    )
    command.add_argument("--home", metavar="DIR", type=Path, help=_HOME)
    command.add_argument(
        "--from",
        dest="source",
        metavar="URL|DIR",
        help="where updates come from; without it they come as files",
    )
    command.add_argument(
        "--root",
        metavar="ROOT.json",
        type=Path,
        help="the scheme's first root; without it nothing can be updated",
    )
    command.add_argument("--log", metavar="DIR", type=Path, help=_LOG)
    command.add_argument("--log-key", metavar="FILE", type=Path, help=_LOG_KEY)
    command.add_argument("--send-to", metavar="URL", dest="url", help=_URL)
    command.add_argument(
        "--collector", metavar="COLLECTOR.json", type=Path, help=_COLLECTOR
    )
    command.add_argument("--device-key", metavar="FILE", type=Path, help=_DEVICE_KEY)
    _add_passport_check(command)
    command.add_argument(
        "--passport-check-required",
        action="store_true",
        help="without an answer about the passport: check by hand",
    )
    command.add_argument(
        "--imager", metavar="DEVICE", help="serial port of a hardware imager"
    )
    command.add_argument(
        "--open", action="store_true", help="open the address in the usual browser"
    )
    command.add_argument(
        "--kiosk", action="store_true", help="no staff: green clears after 5 seconds"
    )
    command.add_argument(
        "--training",
        action="store_true",
        help="take test cards and no others, mark every answer, and log nothing",
    )
    command.add_argument(
        "--port", type=_port, metavar="N", default=8324, help="0 is any that is free"
    )
    command.add_argument(
        "--idle",
        type=_minutes,
        metavar="MINUTES",
        default=timedelta(minutes=15),
        help="after which the screen locks; 15 unless told",
    )
    what = "add an officer of the console, or give one another PIN"
    officer = commands.add_parser("console-officer", help=what, description=f"{what}.")
    officer.set_defaults(run=_console_officer, json=False)
    officer.add_argument("officer", metavar="ID", help="such as a badge's number")
    officer.add_argument("--home", required=True, metavar="DIR", type=Path, help=_HOME)
    officer.add_argument(
        "--remove", action="store_true", help="remove the officer instead"
    )


def _add_desk_command(
    commands: "argparse._SubParsersAction[_Parser]",
) -> None:
    what = "answer airlines: a page and an API on this device, or a list in a file"
    command = commands.add_parser("desk", help=what, description=f"{what}.")
    command.set_defaults(run=_desk, json=False)
    command.add_argument(
        "--store", required=True, metavar="DIR", type=Path, help=_STORE
    )
    command.add_argument(
        "--floor", type=_floor, metavar="FILE", default=Floor(), help=_FLOOR
    )
    command.add_argument(
        "--zone",
        type=_zone_of_economy,
        action="append",
        default=[],
        metavar="AAA=AREA/CITY",
        help="where the days of an economy are counted; else in its capital",
    )
    command.add_argument(
        "--port", type=_port, metavar="N", default=8325, help="0 is any that is free"
    )
    _add_passport_check(command)
    command.add_argument(
        "--collector", metavar="COLLECTOR.json", type=Path, help=_COLLECTOR
    )
    command.add_argument("--device-key", metavar="FILE", type=Path, help=_DEVICE_KEY)
    command.add_argument(
        "--open", action="store_true", help="open the address in the usual browser"
    )
    command.add_argument(
        "--batch", type=Path, metavar="FILE", help="a list of passengers (CSV)"
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="a new file: .json, else CSV"
    )
    command.add_argument(
        "--register",
        metavar="URL",
        help="web services of an economy, which answer by a passport alone",
    )
    command.add_argument(
        "--credentials", type=Path, metavar="FILE", help="who asks that register"
    )


def _zone_of_economy(text: str) -> tuple[str, ZoneInfo]:
    code, _, zone = text.partition("=")
    return _economy(code), _zone(zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError) as error:
        raise argparse.ArgumentTypeError(
            f"{name!r} is no time zone that this device knows"
        ) from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("not from 0 to 65535")
    return int(text)


def _minutes(text: str) -> timedelta:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_440:
        raise argparse.ArgumentTypeError("not from 1 to 1440 minutes")
    return timedelta(minutes=int(text))


def _console(options: argparse.Namespace) -> int:
    if wrong := _wrong_use(options):
        _print_error(wrong, as_json=False)
        return USAGE
    try:
        from .console import serving  # noqa: PLC0415  # an extra that may be absent
    except ImportError:
        _print_error("the console needs abtc[console]", as_json=False)
        return USAGE
    home = options.home or options.store.with_name(f"{options.store.name}-console")
    if options.kiosk and not serving.has_officers(home):
        # Else whoever stands there could read what is an officer's to read.
        _print_error("--kiosk needs an officer: see console-officer", as_json=False)
        return USAGE
    send, problem = _sender(options)
    settings = serving.Settings(
        passports=_passports(options),
        needs_passport_answer=options.passport_check_required,
        send=send,
        problem=problem,
        store=options.store,
        economy=options.economy,
        zone=options.zone,
        floor=options.floor,
        home=home,
        source=options.source,
        root=options.root,
        log=options.log,
        log_key=options.log_key,
        imager=options.imager,
        port=options.port,
        idle=options.idle,
        is_kiosk=options.kiosk,
        is_training=options.training,
    )
    told = _AddressTeller(opens=options.open)
    try:
        serving.run(settings, told)
    except OSError as error:
        raise _InputError(f"port {options.port}: {error.strerror}") from error
    return OK


def _desk(options: argparse.Namespace) -> int:
    from . import places  # noqa: PLC0415  # only this command needs them
    from .console.desk.counter import Counter  # noqa: PLC0415

    if (options.batch is None) != (options.out is None):
        _print_error("--batch and --out belong together", as_json=False)
        return USAGE
    try:
        zones = places.zones(dict(options.zone))
    except ZoneInfoNotFoundError as error:
        raise _InputError(f"this device has no time zones: {error}") from error
    if (options.register is None) != (options.credentials is None):
        _print_error("--register and --credentials belong together", as_json=False)
        return USAGE
    identity = (options.passport_check, options.collector, options.device_key)
    if len({each is None for each in identity}) != 1:
        words = "--passport-check, --collector and --device-key go together"
        _print_error(words, as_json=False)
        return USAGE
    counter = Counter(
        store=TrustStore(options.store, floor=options.floor),
        zones=zones,
        now=_clock,
        register=_register(options),
        passports=_passports(options),
    )
    if options.batch:
        return _desk_batch(counter, options)
    return _desk_page(counter, options)


def _register(options: argparse.Namespace) -> Register | None:
    if options.register is None:
        return None
    try:
        credentials = RegisterCredentials.parse(_read_file(options.credentials))
        return Register(options.register, credentials)
    except RegisterError as error:
        raise _InputError(str(error)) from error


def _desk_page(counter: "Counter", options: argparse.Namespace) -> int:
    try:
        from .console.desk import serving  # noqa: PLC0415  # an extra, maybe absent
    except ImportError:
        _print_error("the desk's page needs abtc[console]", as_json=False)
        return USAGE
    try:
        serving.run(counter, options.port, _AddressTeller(opens=options.open))
    except OSError as error:
        raise _InputError(f"port {options.port}: {error.strerror}") from error
    return OK


def _desk_batch(counter: "Counter", options: argparse.Namespace) -> int:
    from .console.desk.batch import answer_file  # noqa: PLC0415
    from .console.desk.passengers import ListError  # noqa: PLC0415

    try:
        faults = answer_file(counter, options.batch, options.out, _show_progress)
    except ListError as error:
        raise _InputError(f"{options.batch}: {error}") from error
    except OSError as error:
        raise _InputError(f"{error.filename}: {error.strerror}") from error
    print(f"{options.out} written; rows with faults: {faults}")
    return BAD_INPUT if faults else OK


def _show_progress(done: int, of: int) -> None:
    if sys.stderr is None or not sys.stderr.isatty():
        return
    end = "\n" if done == of else "\r"
    print(f"{done} of {of} passengers", end=end, file=sys.stderr, flush=True)


def _sender(
    options: argparse.Namespace,
) -> tuple[Callable[[ScanLog], ScanLogExport] | None, str | None]:
    """Return what hands the log over; what is wrong with it stops no scan."""
    if options.url is None:
        return None, None
    try:
        collector, device_key = _collector(options)
    except _InputError as error:
        return None, str(error)
    return (
        lambda log: send_log(
            log, options.url, collector=collector, device_key=device_key
        ),
        None,
    )


def _add_passport_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("--passport-check", metavar="URL", help=_PASSPORT_CHECK)


def _passports(options: argparse.Namespace) -> PassportAsker | None:
    if options.passport_check is None:
        return None
    collector, device_key = _collector(options)
    try:
        return PassportAsker(
            options.passport_check, collector=collector, device_key=device_key
        )
    except ScanLogError as error:
        raise _InputError(f"--passport-check: {error}") from error


class _AddressTeller:
    """Prints each address that lets a browser in; the first one is opened if asked."""

    def __init__(self, *, opens: bool) -> None:
        self._opens = opens

    def __call__(self, address: str) -> None:
        with contextlib.suppress(OSError):  # whoever read it has gone: go on
            print(address, flush=True)
        if self._opens:
            import webbrowser  # noqa: PLC0415  # only for this

            self._opens = False
            threading.Thread(target=webbrowser.open, args=(address,)).start()


def _wrong_use(options: argparse.Namespace) -> str | None:
    """Say which options of the console do not go together."""
    if (options.log is None) != (options.log_key is None):
        return "--log and --log-key go together"
    if options.source and not options.root:
        return "--from needs --root"
    if options.training and options.log:
        return "what is only training is not logged"
    has_identity = {options.collector is None, options.device_key is None}
    is_needed = options.url is not None or options.passport_check is not None
    if has_identity != {not is_needed}:
        return (
            "--send-to, --collector and --device-key go together,"
            " and so do --passport-check and the two"
        )
    if options.passport_check_required and options.passport_check is None:
        return "--passport-check-required needs --passport-check"
    return None


def _console_officer(options: argparse.Namespace) -> int:
    from .console.officers import Officers, OfficersError  # noqa: PLC0415

    officers = Officers(options.home, now=_clock)
    try:
        if options.remove:
            officers.remove(options.officer)
        else:
            officers.add(options.officer, _ask_pin())
    except (OfficersError, ValueError) as error:
        raise _InputError(str(error)) from error
    return OK


def _ask_pin() -> str:
    """Ask for a PIN twice, or take one line where nobody is there to ask."""
    if sys.stdin is None:
        raise _InputError("there is no standard input")
    if not sys.stdin.isatty():
        return sys.stdin.readline(_MAX_LINE).rstrip("\r\n")
    pin = getpass.getpass("PIN: ")
    if pin != getpass.getpass("Once more: "):
        raise _InputError("the two differ")
    return pin


def _add_collector_options(action: argparse.ArgumentParser, name: str) -> None:
    collector = "--to" if name == "seal" else "--collector"
    for option, metavar, text in (
        (collector, "COLLECTOR.json", _COLLECTOR),
        ("--device-key", "FILE", _DEVICE_KEY),
    ):
        action.add_argument(
            option,
            metavar=metavar,
            type=Path,
            required=True,
            help=text,
            dest=None if option == "--device-key" else "collector",
        )
    if name == "send":
        action.add_argument("--to", metavar="URL", required=True, dest="url", help=_URL)


def _add_sync_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from",
        required=True,
        dest="source",
        metavar="URL|DIR|BUNDLE",
        help="a mirror, a copy of what is published, or one bundle file",
    )
    command.add_argument(
        "--root",
        required=True,
        metavar="ROOT.json",
        type=Path,
        help="the scheme's first root, as it came with the installation",
    )
    command.add_argument(
        "--economy",
        type=_economy,
        metavar="AAA",
        help="keep only its policy and overlays",
    )


def _add_now(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--now", type=_moment, metavar="ISO8601", help="with an offset; else the clock"
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            "no moment, such as 2030-01-15T12:00:00Z"
        ) from error
    if moment.utcoffset() is None:
        raise argparse.ArgumentTypeError("needs an offset, such as Z or +08:00")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError(f"not from {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


def _economy(code: str) -> str:
    if not is_economy_code(code):
        raise argparse.ArgumentTypeError("not an alpha-3 code")
    return code


def _head(text: str) -> LogHead:
    try:
        return LogHead.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _floor(name: str) -> Floor:
    try:
        return Floor.from_bytes(_read_file(Path(name)))
    except _InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error


def _passport(text: str) -> Passport:
    try:
        return Passport.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _mrz(name: str) -> Passport:
    try:
        return Passport.from_mrz(Path(name).read_text())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error


def _run(options: argparse.Namespace) -> int:
    try:
        return int(options.run(options))
    except _InputError as error:
        _print_error(str(error), as_json=options.json)
        return BAD_INPUT
    except PolicyError as error:
        _print_error(str(error), as_json=options.json)
        return USAGE
    except ScanLogError as error:
        _print_error(str(error), as_json=options.json)
        return BAD_INPUT
    except TrustError as error:
        _print_error(str(error), as_json=options.json)
        return UNDECIDED if options.command == "check" else BAD_INPUT


def _check(options: argparse.Namespace) -> int:
    if (options.log is None) != (options.log_key is None):
        _print_error("--log and --log-key go together", as_json=options.json)
        return USAGE
    log = _log_beside(options)
    policy = Policy(economy=options.economy)
    store = TrustStore(options.store, floor=options.floor)
    store.load()  # a store that cannot be used is told before any input is read
    try:
        found = _check_all(options, store, policy, log)
    finally:
        _finish(log)
    return next((each for each in (BAD_INPUT, UNDECIDED) if each in found), OK)


def _check_all(
    options: argparse.Namespace, store: TrustStore, policy: Policy, log: ScanLog | None
) -> set[int]:
    found: set[int] = set()
    for text in _texts(options.input, pictures=True):
        # Loaded again for each: it costs nothing unless an update has come in.
        decision = _decide(text, store.load(), policy, options)
        if options.json:
            print(json.dumps(_report.as_object(decision)), flush=True)
        else:
            print("\n".join(_report.as_lines(decision)), flush=True)
        if log:
            log.record(decision)  # the officer has the answer
        found.add(_STATUS[_report.outcome_of(decision)])
    return found


def _log_beside(options: argparse.Namespace) -> ScanLog | None:
    """Open the log that ``check`` keeps; whatever is wrong with it stops no scan."""
    if options.log is None:
        return None
    try:
        return _log(options)
    except _InputError as error:
        _print_error(f"no scan is logged: {error}", as_json=False)
        return None


def _finish(log: ScanLog | None) -> None:
    if log is None:
        return
    log.flush()
    status = log.status()
    lost = status.waiting + status.missed
    if status.problem or lost:
        why = f"{lost} scans are not in the log: {status.problem}"
        _print_error(why, as_json=False)


def _log(options: argparse.Namespace) -> ScanLog:
    try:
        key = bytes.fromhex(_read_file(options.log_key).decode())
        return ScanLog(options.log, key=key)
    except ValueError as error:  # it must not be quoted
        raise _InputError(f"{options.log_key} is no key of a log") from error


def _log_key(options: argparse.Namespace) -> int:
    _write_secret(options.out, secrets.token_bytes(32))
    _print_found(options, {"key": str(options.out)}, [f"{options.out} written"])
    return OK


def _log_device_key(options: argparse.Namespace) -> int:
    secret = DeviceKey.make()
    _write_secret(options.out, secret)
    public = DeviceKey(secret).public
    lines = [f"{options.out} written", f"public key to be enrolled: {public}"]
    found = {"key": str(options.out), "public_key": public}
    _print_found(options, found, lines)
    return OK


def _write_secret(path: Path, secret: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(f"{secret.hex()}\n")
    except OSError as error:
        raise _InputError(f"{path}: {error.strerror}") from error


def _log_seal(options: argparse.Namespace) -> int:
    collector, device_key = _collector(options)
    found = seal_log(
        _log(options),
        str(options.out),
        collector=collector,
        device_key=device_key,
    )
    return _print_export(options, found)


def _log_send(options: argparse.Namespace) -> int:
    collector, device_key = _collector(options)
    found = send_log(
        _log(options), options.url, collector=collector, device_key=device_key
    )
    return _print_export(options, found)


def _collector(options: argparse.Namespace) -> tuple[Collector, DeviceKey]:
    try:
        collector = Collector.parse(_read_file(options.collector))
    except ValueError as error:
        raise _InputError(f"{options.collector}: {error}") from error
    try:
        secret = bytes.fromhex(_read_file(options.device_key).decode())
        return collector, DeviceKey(secret)
    except ValueError as error:  # it must not be quoted
        raise _InputError(f"{options.device_key} is no key of a device") from error


def _log_show(options: argparse.Namespace) -> int:
    log = _log(options)
    days, status = log.counts(), log.status()
    lines = [
        f"{day}  {count:>7}  {_printable(code)}"
        for day, codes in days.items()
        for code, count in codes.items()
    ]
    unsent = "unknown" if status.unsent is None else status.unsent
    _print_found(
        options,
        {"days": days, "unsent": status.unsent},
        [*lines, f"rows not exported yet: {unsent}"],
    )
    return OK


def _log_verify(options: argparse.Namespace) -> int:
    found = _log(options).verify(head=options.head)
    head, bad = (str(each) if each else None for each in (found.head, found.bad))
    counts = {
        "rows": found.rows,
        "first": found.first,
        "unfinished": found.unfinished,
        "missed": found.missed,
        "clock_back": found.clock_back,
    }
    lines = [
        f"{found.rows} rows from number {found.first}, head {head}",
        f"  {found.unfinished} unfinished ends, {found.missed} scans missed,"
        f" {found.clock_back} times the clock went back",
        f"BAD  {bad}" if bad else "  the chain holds",
    ]
    _print_found(options, {**counts, "head": head, "bad": bad}, lines)
    return BAD_INPUT if bad else OK


def _log_export(options: argparse.Namespace) -> int:
    found = _log(options).export(options.out, notes=options.notes)
    return _print_export(options, found)


def _print_export(options: argparse.Namespace, found: ScanLogExport) -> int:
    head = str(found.head) if found.head else None
    told = {"rows": found.rows, "first": found.first, "lost": found.lost, "head": head}
    line = f"{found.rows} rows, head {head}, {found.lost} lost before"
    _print_found(options, told, [line if found.rows else f"nothing new, head {head}"])
    return OK


def _print_found(
    options: argparse.Namespace, found: Mapping[str, object], lines: Sequence[str]
) -> None:
    print(json.dumps(found) if options.json else "\n".join(lines), flush=True)


def _decide(
    text: str, trust: Trust, policy: Policy, options: argparse.Namespace
) -> Decision:
    return verify(
        text,
        trust=trust,
        policy=policy,
        expected_passport=options.passport or options.mrz,
        expected_challenge=None,
        now=options.now or _clock(),
    )


def _clock() -> datetime:
    return datetime.now().astimezone()  # noqa: TID251  # an entry point


def _sync(options: argparse.Namespace) -> int:
    store = TrustStore(options.store, floor=options.floor)
    try:
        report = store.sync(
            options.source,
            root=_read_file(options.root),
            now=options.now or _clock(),
            economy=options.economy,
        )
    except TrustError as error:
        raise _InputError(f"{error}; {_still_in_use(store, options)}") from error
    _print_sync(report, as_json=options.json)
    return OK


def _still_in_use(store: TrustStore, options: argparse.Namespace) -> str:
    try:
        info = store.info()
    except TrustError:
        return "this device has no trust data yet"
    what = f"version {info.version} of {info.issued_at:%Y-%m-%d %H:%M} UTC"
    if (options.now or _clock()) >= info.expires_at:
        return f"{what} has ended, so every card is undecided"
    return f"still in use: {what}"


def _read_file(path: Path) -> bytes:
    """Read a small file, and nothing that could go on for ever."""
    try:
        if not path.is_file() and path.exists():
            raise _InputError(f"{path} is no file")
        if path.stat().st_size > _MAX_FILE:
            raise _InputError(f"{path} is too large")
        return path.read_bytes()
    except OSError as error:
        raise _InputError(f"{path}: {error.strerror}") from error


def _print_sync(report: SyncReport, *, as_json: bool) -> None:
    problems = [f"{each.document}: {each.detail}" for each in report.problems]
    if as_json:
        found = {
            "before": report.before,
            "after": report.after,
            "documents_changed": report.documents_changed,
            "removed": list(report.removed),
            "requests": report.requests,
            "received": report.received,
            "problems": problems,
        }
        print(json.dumps(found), flush=True)
        return
    before = "nothing" if report.before is None else f"version {report.before}"
    print(
        f"from {before} to version {report.after}: {report.documents_changed} documents"
        f" changed, {report.requests} requests, {report.received} bytes"
    )
    for name in report.removed:
        print(f"  gone: {name}")
    for problem in problems:
        print(f"  refused: {_printable(problem)}")


def _info(options: argparse.Namespace) -> int:
    info = TrustStore(options.store, floor=options.floor).info()
    if options.json:
        print(json.dumps(_info_object(info)), flush=True)
        return OK
    now = options.now or _clock()
    print(f"version {info.version}, current at {_dated(info.issued_at, now)}")
    print(f"to be used until {_dated(info.expires_at, now)}")
    print(f"clock not before {_dated(info.time_floor, now)}")
    oldest = min(info.lists.values(), default=None)
    since = f", the oldest of {_dated(oldest, now)}" if oldest else ""
    print(f"{len(info.lists)} lists{since}")
    for problem in info.problems:
        print(f"  refused: {_printable(f'{problem.document}: {problem.detail}')}")
    return OK


def _dated(moment: datetime, now: datetime) -> str:
    """Say when, and how far that is from now, in the unit that an eye needs."""
    seconds = abs((now - moment).total_seconds())
    units = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
    size, name = next((each for each in units if seconds >= 2 * each[0]), units[-1])
    side = "ago" if now >= moment else "from now"
    return f"{moment:%Y-%m-%d %H:%M} UTC, {seconds // size:.0f} {name} {side}"


def _printable(text: str) -> str:
    """Return it without what would move a terminal's cursor: a thief chose the name."""
    return ascii(text)[1:-1]


def _info_object(info: StoreInfo) -> dict[str, object]:
    return {
        "version": info.version,
        "issued_at": info.issued_at.isoformat(),
        "expires_at": info.expires_at.isoformat(),
        "time_floor": info.time_floor.isoformat(),
        "lists": {name: issued.isoformat() for name, issued in info.lists.items()},
        "problems": [f"{each.document}: {each.detail}" for each in info.problems],
    }


def _unpack(options: argparse.Namespace) -> int:
    return _convert(options, _unpacked)


def _pack(options: argparse.Namespace) -> int:
    return _convert(options, _packed)


def _convert(
    options: argparse.Namespace, convert: Callable[[str], dict[str, object]]
) -> int:
    status = OK
    for text in _texts(options.input, pictures=options.command == "unpack"):
        if not _print_one(text, convert, as_json=options.json):
            status = BAD_INPUT
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
    elif pictures and not is_any_version(source):
        yield from _picture_texts(Path(source))
    else:
        yield source


def _lines(stream: TextIO | None) -> Iterator[str]:
    if stream is None:
        raise _InputError("there is no standard input")
    stream.reconfigure(errors="replace")  # type: ignore[attr-defined]
    while line := stream.readline(_MAX_LINE):
        rest = line
        while len(rest) == _MAX_LINE and not rest.endswith("\n"):
            rest = stream.readline(_MAX_LINE)  # what is so long is refused anyway
        if text := line.rstrip("\r\n"):
            yield text


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
