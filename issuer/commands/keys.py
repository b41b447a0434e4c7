"""``abtc-issuer key``: the keys that sign cards and lists."""

import json
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from issuer.commands.asking import ask_passphrase
from issuer.commands.opening import now
from issuer.config import key_passphrase, key_passphrase_variable
from issuer.errors import KeyFileError
from issuer.hsm import HsmKeys, HsmSettings
from issuer.jws import public_jwk
from issuer.keys import FileSigner, KeyUse, Signer, generate_key_file
from issuer.publish.names import check_economy
from issuer.sources import KeySource, KeySources, is_key_of

_USES: Final = ("card", "status")
_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)


@click.group("key")
def group() -> None:
    """Make, list and check the keys that sign cards and lists.

    The passphrase of key files comes from ABTC_KEY_PASSPHRASE_<ECONOMY>, from
    ABTC_KEY_PASSPHRASE, or is asked for.
    """


def _economy(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--economy",
        required=required,
        callback=_check_economy,
        metavar="AAA",
        help="Whose keys: those whose key id begins with its code.",
    )


def _check_economy(_: object, __: object, economy: str | None) -> str | None:
    if economy is not None:
        check_economy(economy)
    return economy


def _place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn ``--folder`` or ``--hsm``, of which there is one, into a source."""

    @click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of key files.",
    )
    @click.option(
        "--hsm",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="SETTINGS.toml",
        help="Settings of a hardware module.",
    )
    @wraps(command)
    def with_source(folder: Path | None, hsm: Path | None, **given: Any) -> Any:
        if folder and not hsm:
            return command(KeySource(kind="file", path=folder), **given)
        if hsm and not folder:
            return command(KeySource(kind="pkcs11", path=hsm), **given)
        raise click.UsageError("give one of --folder and --hsm")

    return with_source


@group.command("make")
@_economy(required=True)
@click.option("--use", type=click.Choice(_USES), required=True, help="What it signs.")
@click.option(
    "--key-id",
    help="Its name, beginning with the economy's code.  [default: of use and date]",
)
@_place
@_as_json
def _make(
    source: KeySource, economy: str, use: KeyUse, key_id: str | None, *, as_json: bool
) -> None:
    """Make a key: an encrypted file, or inside a module that it never leaves."""
    key_id = key_id or f"{economy}-{use}-{now():%Y%m%d}"
    if not is_key_of(economy, key_id):
        raise click.UsageError(f"a key id of {economy} begins with {economy}-")
    if source.kind == "file":
        signer = _make_file(source.path, economy, key_id, use)
    else:
        with HsmKeys.open(HsmSettings.load(source.path)) as keys:
            signer = keys.generate_key(key_id, use)
    row = _row(signer)
    if as_json:
        click.echo(json.dumps({"source": str(source), "economy": economy, **row}))
    else:
        click.echo(f"made {key_id} for {use} in {source}")
        click.echo(json.dumps(row["public_key"]))


@group.command("held")
@_economy(required=False)
@_place
@_as_json
def _list(source: KeySource, economy: str | None, *, as_json: bool) -> None:
    """List the keys that are there."""
    names = [
        name for name in source.names() if not economy or is_key_of(economy, name[0])
    ]
    if as_json:
        rows = [{"key_id": key_id, "use": use} for key_id, use in names]
        click.echo(json.dumps({"source": str(source), "keys": rows}))
    else:
        _print_names(names)


@group.command("check")
@_economy(required=True)
@_place
@_as_json
def _check(source: KeySource, economy: str, *, as_json: bool) -> None:
    """Let each key of an economy sign a probe, and verify what it signs."""
    sources = KeySources({economy: source}, passphrase=_passphrase)
    try:
        rows = [_row(signer) for signer in sources.signers(economy)]
    finally:
        sources.close()
    if as_json:
        checked = {"source": str(source), "economy": economy, "keys": rows}
        click.echo(json.dumps(checked))
    else:
        _print_names((row["key_id"], f"{row['use']}  signs") for row in rows)


def _make_file(folder: Path, economy: str, key_id: str, use: KeyUse) -> Signer:
    passphrase = _ask(economy, is_new=True)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "it cannot be made").lower()
        raise KeyFileError(file=str(folder), reason=reason) from error
    path = generate_key_file(folder, key_id=key_id, use=use, passphrase=passphrase)
    return FileSigner.load(path, passphrase=passphrase)


def _passphrase(economy: str) -> bytes:
    return _ask(economy, is_new=False)


def _ask(economy: str, *, is_new: bool) -> bytes:
    return ask_passphrase(
        f"the keys of {economy}",
        known=key_passphrase(economy),
        variable=key_passphrase_variable(economy),
        is_new=is_new,
    )


def _row(signer: Signer) -> dict[str, Any]:
    return {
        "key_id": signer.key_id,
        "use": signer.use,
        "public_key": public_jwk(signer.public_key),
    }


def _print_names(names: Iterable[tuple[str, str]]) -> None:
    for key_id, text in names:
        click.echo(f"{key_id}  {text}")
