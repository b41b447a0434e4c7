"""Moments as metadata spells them: UTC, whole seconds, ``YYYY-MM-DDTHH:MM:SSZ``."""

from datetime import UTC, datetime

from issuer.dated import require_aware


def whole_second(at: datetime) -> datetime:
    """Return a moment in UTC, cut to whole seconds; ``ValueError`` if naive."""
    return require_aware(at).astimezone(UTC).replace(microsecond=0)


def moment_text(at: datetime) -> str:
    """Write a moment; ``ValueError`` if naive."""
    return whole_second(at).replace(tzinfo=None).isoformat() + "Z"


def moment_of(text: object) -> datetime:
    """Read what `moment_text` writes.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(text, str):
        raise ValueError("a moment is not text")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
