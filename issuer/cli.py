"""``abtc-issuer``: the issuer on the command line.

Exit status: 0 if everything went well, 1 if it was refused or failed, 64 for wrong
usage, 130 if interrupted.  With ``--json``, each prints one JSON object on standard
output; where it is a refusal, its members are ``error``, a sentence, and ``code``, as
the JSON API has it, or null.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from issuer.api.problems import problem_of
from issuer.commands import (
    auditing,
    backing_up,
    carriers,
    demo,
    importing,
    installing,
    keys,
    linking,
    mailing,
    offering,
    passport_broker,
    passports,
    services,
    statistics,
)
from issuer.commands.asking import ask_passphrase
from issuer.commands.desks import open_desk
from issuer.commands.operations import add_operations
from issuer.commands.private import owner_only
from issuer.commands.serving import serve
from issuer.commands.users import user
from issuer.config import passphrase_variable, publish_passphrase
from issuer.documents import scheme_document
from issuer.errors import IssuerError, PublishRefused
from issuer.operations import all_operations
from issuer.publish import (
    Deltas,
    Journal,
    Keyring,
    Lifetimes,
    Pruning,
    Publication,
    Publisher,
    RepositoryStatus,
    RoleKey,
    Submission,
    Submitter,
    write_bundle,
    write_deltas,
)
from issuer.publish.checks import MAX_DOCUMENT, Shrink, check_sizes
from issuer.publish.deltas import OLDER
from issuer.publish.files import read_file, replace_file
from issuer.publish.moments import moment_text
from issuer.publish.names import (
    ROOT,
    SCHEME,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    check_economy,
)
from issuer.publish.repository import MAX_METADATA
from issuer.publish.status import read_status
from issuer.publish.submission import MAX_ROLE_KEY, MAX_SUBMISSION
from issuer.scheme import Scheme

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 64, 130
_JOURNAL: Final = "journal.jsonl"
_SOON: Final = timedelta(days=14)
"""Two officers with sticks are not found in a day."""
_Command = TypeVar("_Command", bound=Callable[..., Any])
_Folder = click.Path(file_okay=False, path_type=Path)
_NewFile = click.Path(dir_okay=False, path_type=Path)
_File = click.Path(exists=True, dir_okay=False, path_type=Path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``abtc-issuer`` and return its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # Of its own, a command returns nothing; FAILED where it has printed why.
        with owner_only():
            status = _cli.main(given, prog_name="abtc-issuer", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        words = " ".join(error.format_message().split())
        _complain(words, "usage", as_json="--json" in given)
        return USAGE
    except click.Abort:
        return INTERRUPTED
    except (click.ClickException, IssuerError, OSError, ValueError) as error:
        as_json = "--json" in given
        is_refusal = isinstance(error, PublishRefused) and not as_json
        words = " ".join(_words_of(error).split())
        message = f"refused: {words}" if is_refusal else words
        _complain(message, _code_of(error), as_json=as_json)
        return FAILED
    return FAILED if status == FAILED else OK


def _words_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}"
    return str(error)


def _code_of(error: Exception) -> str | None:
    """Return what the API answers with; a fault of the installation has none."""
    if not isinstance(error, IssuerError):
        return None
    problem = problem_of(error)
    return None if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR else problem.code


def _complain(message: str, code: str | None = None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": message, "code": code}))
    else:
        click.echo(f"abtc-issuer: {message}", err=True)


@click.group(name="abtc-issuer")
def _cli() -> None:
    """Work at an economy's or the scheme's back office."""


for _each in (
    user,
    serve,
    keys.group,
    installing.init,
    installing.database,
    auditing.group,
    backing_up.group,
    backing_up.restore,
    importing.group,
    linking.group,
    offering.group,
    passport_broker.group,
    passports.group,
    services.group,
    carriers.group,
    mailing.group,
    statistics.statistics,
    demo.demo_data,
):
    _cli.add_command(_each)
add_operations(_cli, all_operations().values(), open_desk)


@_cli.group("publish")
def _publish() -> None:
    """Publish documents and lists for every officer's device.

    Passphrases come from ABTC_PUBLISH_PASSPHRASE_<ROLE>, from ABTC_PUBLISH_PASSPHRASE,
    or are asked for.
    """


_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)
_journal = click.option(
    "--journal",
    type=_NewFile,
    help="Log of what was published.  [default: journal.jsonl beside the keys]",
)
_lifetimes = click.option(
    "--lifetimes", type=_File, help="TOML file: how long signatures are good for."
)


def _keys(*, required: bool = True) -> Callable[[_Command], _Command]:
    return click.option(
        "--keys",
        type=_Folder,
        multiple=True,
        required=required,
        help="Folder of key files; may be given again.",
    )


def _common(command: _Command) -> _Command:
    for option in (
        _as_json,
        click.option(
            "--overdue",
            is_flag=True,
            help="The clock is right: what is published has ended.",
        ),
        click.option("--dry-run", is_flag=True, help="Check and sign; write nothing."),
        _lifetimes,
        _journal,
        _keys(),
        click.option("--out", type=_Folder, required=True, help="The public folder."),
    ):
        command = option(command)
    return command


_approvals = click.option(
    "--approved-by",
    "approvals",
    multiple=True,
    metavar="NAME",
    help="Who approves that something goes; give two.",
)
_economy = click.argument("economy")
_documents = click.option(
    "--from",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with scheme.json, or with a folder named like the economy.",
)
_role_key = click.option(
    "--key", "key_file", type=_File, help="What the economy made with make-key."
)


def _published(*, required: bool) -> Callable[[_Command], _Command]:
    """What an economy reads: a copy of what is published, and how it begins."""
    folder = click.option(
        "--published",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        required=required,
        help="The public folder, or a copy of it.",
    )
    root = click.option(
        "--root", type=_File, required=required, help="The scheme's first root."
    )
    return lambda command: folder(root(command))


@_publish.command("make-scheme")
@click.argument("file", metavar="SCHEME.json", type=_NewFile)
@click.option(
    "--from",
    "source",
    type=_File,
    help="Scheme file (TOML).  [default: the one that comes with this version]",
)
@_as_json
def _make_scheme(file: Path, source: Path | None, *, as_json: bool) -> None:
    """Write scheme.json, for init or lists, of the scheme's dated facts and rules."""
    document = scheme_document(Scheme.load(source), issued_at=_now())
    replace_file(file, document)
    report = {"file": str(file), "bytes": len(document)}
    line = f"wrote {len(document):,} bytes to {file}"
    click.echo(json.dumps(report) if as_json else line)


@_publish.command("init")
@click.option("--scheme", type=_File, required=True, help="What make-scheme wrote.")
@_common
def _init(scheme: Path, **common: Any) -> None:
    """Make a repository with its keys, and publish the scheme."""
    content = read_file(scheme, MAX_DOCUMENT)
    _publisher(common)  # before a folder for keys is made where none may be
    if not common["dry_run"]:
        _make_keys_folder(common)
    _run(common, lambda publisher, given: publisher.init(content, **given))


@_publish.command("add-economy")
@_economy
@_role_key
@_common
def _add_economy(economy: str, key_file: Path | None, **common: Any) -> None:
    """Give an economy a role of its own."""
    key = _read_role_key(key_file)
    _run(
        common,
        lambda publisher, given: publisher.add_economy(economy, key=key, **given),
    )


@_publish.command("lists")
@click.argument("owner", metavar="ECONOMY|scheme")
@_documents
@_approvals
@_common
def _lists(owner: str, source: Path, approvals: tuple[str, ...], **common: Any) -> None:
    """Publish all documents of an economy, or the scheme."""
    role = TARGETS if owner == "scheme" else owner
    documents = _read_documents(source, role)
    _run(
        common,
        lambda publisher, given: publisher.publish_lists(
            role, documents, approvals=frozenset(approvals), **given
        ),
    )


@_publish.command("make-key")
@_economy
@_published(required=False)
@click.option("--out", "file", type=_NewFile, required=True, help="For the scheme.")
@_keys()
@_lifetimes
@_as_json
def _make_key(
    economy: str,
    published: Path | None,
    root: Path | None,
    file: Path,
    **common: Any,
) -> None:
    """Make an economy's key where it stays; the public half goes to the scheme.

    Where the economy has been published before, --published and --root say what.
    """
    if bool(published) != bool(root):
        raise click.UsageError("--published and --root belong together")
    first_root = read_file(root, MAX_METADATA) if root else b""
    submitter = _submitter(economy, common)
    _make_keys_folder(common)
    made = submitter.make_key(now=_now(), published=published, first_root=first_root)
    replace_file(file, made.to_bytes())
    report = {"economy": economy, "key_id": made.key.keyid, "file": str(file)}
    line = f"made the key {made.key.keyid} of {economy}; its public half is in {file}"
    click.echo(json.dumps(report) if common["as_json"] else line)


@_publish.command("sign")
@_economy
@click.argument("file", metavar="SUBMISSION", type=_NewFile)
@_documents
@_keys()
@_published(required=True)
@_lifetimes
@_as_json
def _sign(
    economy: str, file: Path, source: Path, published: Path, root: Path, **common: Any
) -> None:
    """Sign an economy's documents where its key is, into one file for the scheme."""
    submission, shrinks = _submitter(economy, common).sign(
        _read_documents(source, economy),
        published=published,
        first_root=read_file(root, MAX_METADATA),
        now=_now(),
    )
    data = submission.to_bytes()
    replace_file(file, data)
    if common["as_json"]:
        click.echo(json.dumps(_submission_object(submission, shrinks, file)))
    else:
        version = submission.role.version
        click.echo(
            f"signed version {version} of {economy}: {len(data):,} bytes, {file}"
        )
        for each in shrinks:
            click.echo(f"the scheme will ask two people: {each.code}: {each.detail}")


@_publish.command("accept")
@click.argument("file", metavar="SUBMISSION", type=_File)
@_approvals
@_common
def _accept(file: Path, approvals: tuple[str, ...], **common: Any) -> None:
    """Publish what an economy has signed where its key is."""
    submission = Submission.from_bytes(read_file(file, MAX_SUBMISSION))
    _run(
        common,
        lambda publisher, given: publisher.accept(
            submission, approvals=frozenset(approvals), **given
        ),
    )


@_publish.command("timestamp")
@_common
def _timestamp(**common: Any) -> int:
    """Say that what is published is current; for a timer, at least daily.

    Names each role that has expired or will within 14 days. Exit status 1 if devices
    believe nothing any more, since root, targets or snapshot has expired.
    """
    _run(common, lambda publisher, given: publisher.refresh_timestamp(**given))
    now = _now()
    status = _publisher(common).status()
    expired = status.expired_at(now)
    for line in _ending(status, now):
        click.echo(f"abtc-issuer: {line}", err=True)
    return FAILED if {ROOT, TARGETS, SNAPSHOT} & {*expired} else OK


@_publish.command("rotate-key")
@click.argument("role")
@click.option("--retire", metavar="KEY-ID", help="How the id of the old key begins.")
@_role_key
@_common
def _rotate_key(
    role: str, retire: str | None, key_file: Path | None, **common: Any
) -> None:
    """Replace a key of a role by a new one."""
    key = _read_role_key(key_file)
    _run(
        common,
        lambda publisher, given: publisher.rotate_key(
            role, retire=retire, key=key, **given
        ),
    )


@_publish.command("renew")
@click.argument("role", metavar="root|targets|ECONOMY")
@_common
def _renew(role: str, **common: Any) -> None:
    """Sign a role anew with the keys it has: it lives longer."""
    _run(common, lambda publisher, given: publisher.renew(role, **given))


@_publish.command("prune")
@click.option(
    "--grace",
    "hours",
    type=click.IntRange(min=1, max=24 * 3650),
    default=48,
    show_default=True,
    metavar="HOURS",
    help="Keep what was superseded less than this ago.",
)
@_common
def _prune(hours: int, **common: Any) -> None:
    """Remove files that no reader can be sent to any more."""
    publisher = _publisher(common)
    done = publisher.prune(
        now=_now(), grace=timedelta(hours=hours), dry_run=common["dry_run"]
    )
    if common["as_json"]:
        click.echo(json.dumps(_pruned_object(done)))
    else:
        verb = "would remove" if done.is_dry_run else "removed"
        count = len(done.removed)
        click.echo(
            f"prune: {verb} {count} files, {done.size:,} bytes; kept {done.kept}"
        )


@_publish.command("revoke-economy")
@_economy
@_approvals
@_common
def _revoke_economy(economy: str, approvals: tuple[str, ...], **common: Any) -> None:
    """Take an economy's role away: devices forget its keys and lists."""
    _run(
        common,
        lambda publisher, given: publisher.revoke_economy(
            economy, approvals=frozenset(approvals), **given
        ),
    )


@_publish.command("adopt")
@_approvals
@_common
def _adopt(approvals: tuple[str, ...], **common: Any) -> None:
    """Take over what the public folder holds, where the journal was lost."""
    _run(
        common,
        lambda publisher, given: publisher.adopt(
            approvals=frozenset(approvals), **given
        ),
    )


@_publish.command("bundle")
@click.argument("file", type=_NewFile)
@click.option("--out", type=_Folder, required=True, help="The public folder.")
@click.option("--economy", help="The destination that the devices are of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def _bundle(file: Path, out: Path, economy: str | None, *, as_json: bool) -> None:
    """Put what is published into one FILE, for devices without a network."""
    size = write_bundle(out, file, economy=economy)
    report = {"file": str(file), "bytes": size, "economy": economy}
    click.echo(json.dumps(report) if as_json else f"wrote {size:,} bytes to {file}")


@_publish.command("deltas")
@click.option("--out", type=_Folder, required=True, help="The folder, or a copy.")
@click.option(
    "--older",
    type=click.IntRange(min=1, max=64),
    default=OLDER,
    show_default=True,
    help="From so many older versions of a list at most.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@_as_json
def _deltas(out: Path, older: int, *, dry_run: bool, as_json: bool) -> None:
    """Write what makes a new list of an older one, for devices to fetch less.

    Needs no key: whoever runs a mirror may do it as well.
    """
    done = write_deltas(out, older=older, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(_deltas_object(done)))
    else:
        verb = "would write" if done.is_dry_run else "wrote"
        count = len(done.written)
        click.echo(
            f"deltas: {verb} {count} files, {done.size:,} bytes; kept {done.kept}"
        )


@_publish.command("status")
@click.option("--out", type=_Folder, required=True, help="The public folder.")
@_keys(required=False)
@_journal
@_as_json
def _status(
    out: Path, keys: tuple[Path, ...], journal: Path | None, *, as_json: bool
) -> int:
    """Show versions, expiry and the age of keys.

    With --keys or --journal, also whether this is what was published from here. Exit
    status 1 if anything has expired.
    """
    now = _now()
    status = read_status(out, _journal_of(keys, journal))
    if as_json:
        click.echo(json.dumps(_status_object(status, now)))
    else:
        click.echo("\n".join(_status_lines(status, now)))
    return FAILED if status.expired_at(now) else OK


def _run(
    common: Mapping[str, Any],
    operation: Callable[[Publisher, dict[str, Any]], Publication],
) -> None:
    given = {"now": _now(), "dry_run": common["dry_run"]}
    done = operation(_publisher(common), given)
    click.echo(json.dumps(_object(done)) if common["as_json"] else _line(done))
    if done.deltas.failed and not common["as_json"]:
        message = f"published, but not all deltas are written: {done.deltas.failed}"
        _complain(message, as_json=False)


def _now() -> datetime:
    return datetime.now(UTC)


def _publisher(common: Mapping[str, Any]) -> Publisher:
    keys: tuple[Path, ...] = common["keys"]
    return Publisher(
        folder=common["out"],
        journal=Journal(path=common["journal"] or keys[0] / _JOURNAL),
        keyring=_keyring(common),
        lifetimes=_lifetimes_of(common),
        is_overdue=common["overdue"],
    )


def _submitter(economy: str, common: Mapping[str, Any]) -> Submitter:
    return Submitter(
        economy=economy,
        keyring=_keyring(common),
        lifetimes=_lifetimes_of(common),
    )


def _keyring(common: Mapping[str, Any]) -> Keyring:
    return Keyring(common["keys"], _passphrase, _new_passphrase)


def _journal_of(keys: tuple[Path, ...], path: Path | None) -> Journal | None:
    if path is None and keys:
        path = keys[0] / _JOURNAL
    return Journal(path=path) if path else None


def _make_keys_folder(common: Mapping[str, Any]) -> None:
    """Make the folder that new keys go into, for its owner alone."""
    common["keys"][0].mkdir(mode=0o700, parents=True, exist_ok=True)


def _lifetimes_of(common: Mapping[str, Any]) -> Lifetimes:
    path: Path | None = common["lifetimes"]
    return Lifetimes.load(path) if path else Lifetimes()


def _passphrase(stem: str) -> bytes:
    return _ask_passphrase(stem, is_new=False)


def _new_passphrase(stem: str) -> bytes:
    return _ask_passphrase(stem, is_new=True)


def _ask_passphrase(stem: str, *, is_new: bool) -> bytes:
    role = stem.partition(".")[0]
    return ask_passphrase(
        stem,
        known=publish_passphrase(role),
        variable=passphrase_variable(role),
        is_new=is_new,
    )


def _read_role_key(path: Path | None) -> RoleKey | None:
    return RoleKey.from_bytes(read_file(path, MAX_ROLE_KEY)) if path else None


def _read_documents(source: Path, role: str) -> dict[str, bytes]:
    if role == TARGETS:
        return {SCHEME: read_file(source / SCHEME, MAX_DOCUMENT)}
    check_economy(role)
    if not (source / role).is_dir():
        raise click.ClickException(f"{source} has no folder {role}")
    documents: dict[str, bytes] = {}
    for path in sorted((source / role).rglob("*")):
        if not path.is_dir():
            documents[path.relative_to(source).as_posix()] = read_file(
                path, MAX_DOCUMENT
            )
            check_sizes(role, documents)  # on the way: memory has an end
    return documents


def _line(done: Publication) -> str:
    verb = "would write" if done.is_dry_run else "wrote"
    at = moment_text(done.issued_at)
    return f"{done.action}: {verb} {len(done.files)} files as of {at}"


def _object(done: Publication) -> dict[str, object]:
    return {
        "action": done.action,
        "issued_at": moment_text(done.issued_at),
        "dry_run": done.is_dry_run,
        "approved": list(done.approved),
        "versions": dict(done.versions),
        "files": list(done.files),
        "deltas": list(done.deltas.written),
        "deltas_failed": done.deltas.failed or None,
    }


def _submission_object(
    submission: Submission, shrinks: Sequence[Shrink], file: Path
) -> dict[str, object]:
    return {
        "economy": submission.economy,
        "version": submission.role.version,
        "file": str(file),
        "shrinks": [each.code for each in shrinks],
    }


def _deltas_object(done: Deltas) -> dict[str, object]:
    return {
        "action": "deltas",
        "dry_run": done.is_dry_run,
        "written": list(done.written),
        "bytes": done.size,
        "kept": done.kept,
    }


def _pruned_object(done: Pruning) -> dict[str, object]:
    return {
        "action": "prune",
        "dry_run": done.is_dry_run,
        "removed": list(done.removed),
        "bytes": done.size,
        "kept": done.kept,
    }


def _ending(status: RepositoryStatus, now: datetime) -> list[str]:
    """Say which roles end soon; the timer itself renews snapshot and timestamp."""
    expired = status.expired_at(now)
    soon = set(status.expired_at(now + _SOON)) - {SNAPSHOT, TIMESTAMP}
    return [
        f"{each.role} {'has expired' if each.role in expired else 'expires'} at "
        f"{moment_text(each.expires_at)}: renew it"
        for each in status.roles
        if each.role in soon | {*expired}
    ]


def _status_lines(status: RepositoryStatus, now: datetime) -> list[str]:
    expired = status.expired_at(now)
    lines = [f"as of {moment_text(status.issued_at)}"]
    for each in status.roles:
        ages = [
            f"{(now - key.since).days} d" if key.since else "?" for key in each.keys
        ]
        state = "EXPIRED" if each.role in expired else "until"
        ends_at = moment_text(each.expires_at)
        lines.append(
            f"{each.role:<10} version {each.version:<5} {state} {ends_at}"
            f"  {each.threshold} of {len(each.keys)} keys, aged {', '.join(ages)}"
            f"  {each.documents} documents"
        )
    return lines


def _status_object(status: RepositoryStatus, now: datetime) -> dict[str, object]:
    expired = status.expired_at(now)
    return {
        "issued_at": moment_text(status.issued_at),
        "roles": [
            {
                "role": each.role,
                "version": each.version,
                "expires_at": moment_text(each.expires_at),
                "expired": each.role in expired,
                "threshold": each.threshold,
                "documents": each.documents,
                "keys": [
                    {
                        "key_id": key.key_id,
                        "since": moment_text(key.since) if key.since else None,
                        "age_days": (now - key.since).days if key.since else None,
                    }
                    for key in each.keys
                ],
            }
            for each in status.roles
        ],
    }
