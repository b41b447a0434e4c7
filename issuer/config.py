"""What the issuer's programs take from their environment; nothing else reads it."""

import os
from pathlib import Path
from typing import Final

_PUBLISH: Final = "ABTC_PUBLISH_PASSPHRASE"
_KEY: Final = "ABTC_KEY_PASSPHRASE"


def passphrase_variable(role: str) -> str:
    """Return the name of the variable that is asked first."""
    return f"{_PUBLISH}_{role.upper()}"


def publish_passphrase(role: str) -> bytes | None:
    """Return the passphrase of the keys of a role, if the environment has it.

    ``ABTC_PUBLISH_PASSPHRASE_<ROLE>``, such as ``ABTC_PUBLISH_PASSPHRASE_TIMESTAMP``,
    is asked before ``ABTC_PUBLISH_PASSPHRASE``.  Empty counts as absent.
    """
    return _first(passphrase_variable(role), _PUBLISH)


def key_passphrase_variable(economy: str) -> str:
    """Return the name of the variable that is asked first."""
    return f"{_KEY}_{economy.upper()}"


def key_passphrase(economy: str) -> bytes | None:
    """Return the passphrase of an economy's card and status key files, if it is there.

    ``ABTC_KEY_PASSPHRASE_<ECONOMY>``, such as ``ABTC_KEY_PASSPHRASE_AUS``, is asked
    before ``ABTC_KEY_PASSPHRASE``.  Empty counts as absent.
    """
    return _first(key_passphrase_variable(economy), _KEY)


def home() -> Path | None:
    """Return the folder of the installation, ``ABTC_HOME``; None if it is not set."""
    text = os.environ.get("ABTC_HOME")
    return Path(text) if text else None


def api_key() -> str | None:
    """Return the key of the account that runs a command, ``ABTC_API_KEY``."""
    return os.environ.get("ABTC_API_KEY") or None


def environment_with(**more: str) -> dict[str, str]:
    """Return the environment for a program that is started, less our secrets."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("ABTC_")}
    return {**own, **more}


def _first(*names: str) -> bytes | None:
    text = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return text.encode() if text else None


def sign_on_secret() -> str | None:
    """Return what shows the ministry's sign-on that it is this back office.

    ``ABTC_SIGN_ON_SECRET``; without one, PKCE alone protects the code.
    """
    return os.environ.get("ABTC_SIGN_ON_SECRET") or None


def mail_password() -> str | None:
    """Return the password at the mail server, ``ABTC_MAIL_PASSWORD``."""
    return os.environ.get("ABTC_MAIL_PASSWORD") or None
