"""In which time zone the days of an economy are counted."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SEATS: Final = MappingProxyType(
    {
        "AUS": "Australia/Canberra",
        "BRN": "Asia/Brunei",
        "CAN": "America/Toronto",
        "CHL": "America/Santiago",
        "CHN": "Asia/Shanghai",
        "HKG": "Asia/Hong_Kong",
        "IDN": "Asia/Jakarta",
        "JPN": "Asia/Tokyo",
        "KOR": "Asia/Seoul",
        "MEX": "America/Mexico_City",
        "MYS": "Asia/Kuala_Lumpur",
        "NZL": "Pacific/Auckland",
        "PER": "America/Lima",
        "PHL": "Asia/Manila",
        "PNG": "Pacific/Port_Moresby",
        "RUS": "Europe/Moscow",
        "SGP": "Asia/Singapore",
        "THA": "Asia/Bangkok",
        "TWN": "Asia/Taipei",
        "USA": "America/New_York",
        "VNM": "Asia/Ho_Chi_Minh",
    }
)
"""Where an economy has several zones, that of its capital: a desk is told with
``--zone`` if it asks for another part. Source: IANA time zone database."""


def zones(changes: Mapping[str, ZoneInfo] | None = None) -> Mapping[str, tzinfo]:
    """Return the zone of every economy.

    Args:
        changes: Other zones by code of the economy.

    Raises:
        ZoneInfoNotFoundError: This device has no tables of time zones.
    """
    try:
        usual = {code: ZoneInfo(name) for code, name in _SEATS.items()}
    except OSError as error:
        raise ZoneInfoNotFoundError(str(error)) from error
    return MappingProxyType({**usual, **(changes or {})})


def zone_of(economy: str, known: Mapping[str, tzinfo]) -> tzinfo:
    """Return the zone of an economy; UTC where nobody has told one."""
    return known.get(economy, UTC)
