"""Secrets that a command needs: from the environment, or asked for."""

import os
import sys

import click


def ask_passphrase(
    of: str, *, known: bytes | None, variable: str, is_new: bool
) -> bytes:
    """Return a passphrase, asking for it where the environment has none.

    Args:
        of: What it opens, for the question.
        known: What the environment has.
        variable: Where it could have been, for the message.
        is_new: Ask twice: a slip would lose the key on the day on which it is made.

    Raises:
        click.ClickException: There is no terminal to ask at.
    """
    if known:
        return known
    if not has_terminal():
        raise click.ClickException(
            f"no passphrase of {of}: there is no terminal to ask at, and "
            f"{variable} is not set"
        )
    text: str = click.prompt(
        f"Passphrase of {of}", hide_input=True, err=True, confirmation_prompt=is_new
    )
    return text.encode()


def has_terminal() -> bool:
    """Tell whether somebody can be asked."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True
