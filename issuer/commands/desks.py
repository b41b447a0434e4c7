"""The desk of whoever runs a command: shown by an API key, as for any other program."""

from pathlib import Path

import click

from issuer.accounts import actor_of_key
from issuer.commands.opening import now, open_office
from issuer.config import api_key, home
from issuer.office import Desk
from issuer.signing import recover


def open_desk(folder: Path | None, reason: str, request_key: str | None) -> Desk:
    """Open an installation, and there the desk of the account whose API key is set.

    What an interruption left half signed is completed first.

    Args:
        folder: The installation; None takes ``ABTC_HOME``.
        reason: Goes to the audit log.
        request_key: The same request under the same key is done once.

    Raises:
        click.UsageError: There is no folder, or no API key.
        NotProven: The key is nobody's, or has ended.
        SettingsError, StoreError: The installation cannot be used.
    """
    found = folder or home()
    if found is None:
        raise click.UsageError("give --home, or set ABTC_HOME")
    secret = api_key()
    if secret is None:
        raise click.UsageError(
            "set ABTC_API_KEY to a key of yours: `abtc-issuer user api-key` makes one"
        )
    office, moment = open_office(found), now()
    try:
        actor = actor_of_key(office.store, secret, now=moment)
        recover(office, moment)
    except BaseException:
        office.store.close()
        raise
    return Desk(
        office=office,
        actor=actor,
        now=moment,
        reason=reason,
        request_key=request_key,
    )
