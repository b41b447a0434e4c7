"""A command for every operation of the back office, made from the list of them.

``abtc-issuer card issue-app --card-id 17 ...`` is the operation ``card.issue_app``.  A
field of the request is an option of the same name.  One that has fields of its own
takes JSON, or ``@FILE``; one that takes bytes takes the path of a file.  ``--from
FILE`` gives the whole request as JSON instead, from standard input with ``-``.
"""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from issuer.api.strict_json import read_object
from issuer.errors import Invalid
from issuer.office import Desk
from issuer.operations import Answer, Operation, Request

OpenDesk = Callable[[Path | None, str, str | None], Desk]
"""Opens the desk of whoever runs the command: home, reason, request key."""
_MAX_REQUEST: Final = 32 * 2**20
"""Bytes of a request in a file; a scanned document takes 14 MiB in base64."""


def add_operations(
    program: click.Group, operations: Iterable[Operation], open_desk: OpenDesk
) -> None:
    """Add a group for every kind of record, and in it a command for each operation.

    Args:
        program: Where; a group or a command that it has already stays as it is.
        operations: From `issuer.operations.all_operations`.
        open_desk: Called when a command runs.
    """
    for each in operations:
        noun, _, verb = each.name.partition(".")
        group = program.commands.get(_dashed(noun))
        if group is None:
            group = click.Group(_dashed(noun), help=_GROUPS.get(noun))
            program.add_command(group)
        if isinstance(group, click.Group) and _dashed(verb) not in group.commands:
            group.add_command(_command(each, _dashed(verb), open_desk))


_GROUPS: Final = {
    "account": "Who works here.",
    "api_key": "Keys of programs.",
    "application": "Applications to this economy.",
    "client": "Systems that are no economy's and may ask here.",
    "webhook": "Where systems are told that there is something new.",
    "bulk": "Changes of many records, which need a second person.",
    "card": "Cards, and what becomes of them.",
    "credential": "A card on one phone or one piece of plastic.",
    "device": "Officers' devices, and what they send of their scan logs.",
    "economy": "The economies that this installation works for.",
    "export": "Records and figures as sheets (CSV).",
    "incoming": "Requests of other economies for pre-clearance.",
    "import": "Sheets of applications, requests and answers.",
    "issue": "Signatures: what was interrupted, and whether all is accounted for.",
    "key": "Signing keys.",
    "password": "One's own password.",
    "session": "One's own browsers.",
    "counter": "Phones at the counter.",
    "link": "Links to economies whose back office is elsewhere.",
    "mail": "Mails to applicants.",
    "lists": "Status lists and overlays.",
    "operator": "What one person, or one program, has issued.",
    "plastic": "Plastic cards on their way.",
    "payment": "Fees of applicants online.",
    "portal": "Applicants online: when they may, and what waits.",
    "preclearance": "What other economies answer.",
    "publication": "What officers' devices have.",
    "queue": "What waits.",
    "report": "Figures.",
    "request": "What holders ask for on the pages for applicants.",
    "role": "What accounts may do.",
    "submission": "What partners handed in about somebody like somebody on file.",
    "scheme": "Dated facts and rules, and their versions.",
}


def _command(operation: Operation, name: str, open_desk: OpenDesk) -> click.Command:
    def run(
        home: Path | None,
        reason: str,
        request_key: str | None,
        source: Path | None,
        *,
        as_json: bool,
        save: Path | None = None,
        **options: Any,
    ) -> None:
        given = _request(operation, source, options)
        desk = open_desk(home, reason, request_key)
        try:
            answer = operation.perform(desk, given)
        finally:
            desk.office.store.close()
        _show(_without_files(operation.name, answer, save), as_json=as_json)

    return click.Command(
        name,
        callback=run,
        help=_help(operation),
        short_help=operation.summary,
        params=[*_options(operation), *_saving(operation.name), *_common()],
    )


def _help(operation: Operation) -> str:
    roles = ", ".join(sorted(operation.roles))
    return f"{operation.summary}\n\nFor the roles: {roles}."


def _common() -> list[click.Parameter]:
    return [
        click.Option(
            ["--home"],
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of the installation.  [default: $ABTC_HOME]",
        ),
        click.Option(["--reason"], required=True, help="Why, for the audit log."),
        click.Option(
            ["--request-key"], help="The same request under the same key is done once."
        ),
        click.Option(
            ["--from", "source"],
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            help="The whole request as JSON, instead of options.",
        ),
        click.Option(
            ["--json", "as_json"], is_flag=True, help="Print one JSON object."
        ),
    ]


def _options(operation: Operation) -> list[click.Option]:
    return [
        _option(name, field) for name, field in operation.request.model_fields.items()
    ]


def _option(name: str, field: FieldInfo) -> click.Option:
    kind, many = _kind(field.annotation)
    text = f"{field.description or ''} {_inside(field.annotation)}".strip()
    if field.is_required():
        text = f"{text}  [required]".strip()
    names = [f"--{_dashed(name)}", name]
    if kind is bool:
        switch = f"--{_dashed(name)}/--no-{_dashed(name)}"
        return click.Option([switch, name], default=None, help=text)
    if isinstance(kind, type) and issubclass(kind, Enum):
        choice = click.Choice([str(each.value) for each in kind])
        return click.Option(names, type=choice, multiple=many, help=text)
    return click.Option(names, multiple=many, help=text, metavar=_metavar(kind))


def _inside(annotation: Any) -> str:
    """Name the fields of an object, which no other option shows."""
    shape = next(
        (
            each
            for each in (annotation, *get_args(annotation))
            if isinstance(each, type) and issubclass(each, BaseModel)
        ),
        None,
    )
    if shape is None:
        return ""
    needed: list[str] = []
    others: list[str] = []
    for name, field in shape.model_fields.items():
        (needed if field.is_required() else others).append(name)
    more = f"; may have {', '.join(others)}" if others else ""
    return f"Has {', '.join(needed)}{more}."


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Return what one value is, and whether there can be several."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        some = [each for each in inner if each is not NoneType]
        return _kind(some[0]) if len(some) == 1 else (dict, False)
    if origin in (list, tuple, set, frozenset):
        kind, nested = _kind(inner[0])
        return (dict, False) if nested or _is_object(kind) else (kind, True)
    return origin or annotation, False


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, (BaseModel, Mapping))


def _metavar(kind: Any) -> str:
    if _is_object(kind):
        return "JSON"
    return {int: "NUMBER", bytes: "FILE"}.get(kind, "TEXT")


def _request(
    operation: Operation, source: Path | None, options: Mapping[str, Any]
) -> Request:
    """Read the request before anything is opened: a slip of the keys needs no office.

    Raises:
        click.UsageError: An option is missing or wrong; all are named.
        Invalid: What ``--from`` names is no request of this operation.
    """
    chosen = {name: value for name, value in options.items() if value not in (None, ())}
    if source is not None:
        if chosen:
            raise click.UsageError("give a request by --from, or by options")
        return operation.parse(read_object(_read(source)))
    fields = operation.request.model_fields
    try:
        return operation.parse(
            {name: _value(name, fields[name], value) for name, value in chosen.items()}
        )
    except Invalid as error:
        raise click.UsageError(
            "; ".join(_of_option(path, text) for path, _, text in error.problems)
        ) from error


def _of_option(path: str, text: str) -> str:
    name, _, inner = path.partition(".")
    option = f"--{_dashed(name)}" if name else ""
    return " ".join(each for each in (option, inner, text) if each)


def _value(name: str, field: FieldInfo, value: Any) -> Any:
    kind, many = _kind(field.annotation)
    if many:
        return list(value)
    if kind is bytes:
        return base64.b64encode(_read(Path(value)))
    return _json(name, value) if _is_object(kind) else value


def _json(name: str, text: str) -> Any:
    data = _read(Path(text[1:])) if text.startswith("@") else text.encode()
    try:
        # A list is as good as an object here; the reader wants one object around it.
        return read_object(b'{"value":' + data + b"}")["value"]
    except Invalid as error:
        raise Invalid(
            (name, code, f"is no JSON that can be read: {why}")
            for _, code, why in error.problems
        ) from error


def _read(path: Path) -> bytes:
    if str(path) == "-":
        data = sys.stdin.buffer.read(_MAX_REQUEST + 1)
    else:
        with path.open("rb") as file:
            data = file.read(_MAX_REQUEST + 1)
    if len(data) > _MAX_REQUEST:
        raise Invalid([("", "too_large", f"{path} is larger than 32 MiB")])
    return data


_FILES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "application.document": {"content": "document-{id}"},
        "card.plastic_files": {
            "front": "{document_number}-front.png",
            "reverse": "{document_number}-reverse.png",
            "pdf": "{document_number}.pdf",
        },
        "export.applications": {"text": "{name}"},
        "export.preclearances": {"text": "{name}"},
        "export.report": {"text": "{name}"},
        "import.template": {"text": "{name}"},
        "scheme.text": {"text": "scheme.toml"},
    }
)
"""Which fields of an answer are files, and what they are called in a folder."""
_SUFFIXES: Final = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
}


def _saving(name: str) -> list[click.Option]:
    if name not in _FILES:
        return []
    place = click.Path(exists=True, file_okay=False, path_type=Path)
    text = "Folder to write what is a file into; for its owner alone."
    return [click.Option(["--save"], type=place, help=text)]


def _without_files(name: str, answer: Answer, save: Path | None) -> dict[str, Any]:
    """Return an answer as JSON has it; files are written, and their places named."""
    shown: dict[str, Any] = json.loads(answer.model_dump_json())
    if save is None:
        return shown
    for field, template in _FILES[name].items():
        suffix = _SUFFIXES.get(shown.get("media_type", ""), "")
        path = save / f"{template.format(**shown)}{suffix}"
        is_text = field == "text"
        data = shown[field].encode() if is_text else base64.b64decode(shown[field])
        with open(path, "xb", opener=_for_owner) as file:
            file.write(data)
        shown[field] = str(path)
    return shown


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _show(fields: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(fields))
        return
    for line in _lines(fields, ""):
        click.echo(line)


def _lines(value: Any, indent: str) -> list[str]:
    """Write nested values as indented lines: ``name: value``."""
    if isinstance(value, dict):
        lines = []
        for name, each in value.items():
            lines += _named(name.replace("_", " "), each, indent)
        return lines
    lines = []
    for each in value:
        inner = _lines(each, indent + "  ") if isinstance(each, (dict, list)) else []
        first = inner[0].strip() if inner else _scalar(each)
        lines += [f"{indent}- {first}", *inner[1:]]
    return lines


def _named(name: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [f"{indent}{name}:", *_lines(value, indent + "  ")]
    return [f"{indent}{name}: {_scalar(value)}"]


def _scalar(value: Any) -> str:
    match value:
        case None | [] | {}:
            return "-"
        case bool():
            return "yes" if value else "no"
        case _:
            # Names are data: what would move the cursor is shown, not done.
            text = str(value)
            return "".join(
                each if each.isprintable() else f"\\u{ord(each):04x}" for each in text
            )


def _dashed(name: str) -> str:
    return name.replace("_", "-")
