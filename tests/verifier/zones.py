"""A zone with one summer, without the system's time zone data."""

from datetime import UTC, datetime, timedelta, tzinfo

FORWARD_AT = datetime(2029, 10, 6, 16, tzinfo=UTC)
"""The moment at which 02:00 becomes 03:00, as in Sydney."""
BACK_AT = datetime(2030, 4, 6, 16, tzinfo=UTC)
"""The moment at which 03:00 becomes 02:00."""
_SUMMER, _WINTER = timedelta(hours=11), timedelta(hours=10)


class OneSummer(tzinfo):
    """Summer time from `FORWARD_AT` until `BACK_AT`.

    Python subtracts and compares two times of one zone by the wall clock, so the hour
    that is skipped or repeated goes unnoticed there.
    """

    def utcoffset(self, moment: datetime | None) -> timedelta:
        if moment is None:
            return _WINTER
        wall = moment.replace(tzinfo=UTC)
        starts_at = FORWARD_AT + _WINTER
        ends_at = BACK_AT + (_WINTER if moment.fold else _SUMMER)
        return _SUMMER if starts_at <= wall < ends_at else _WINTER

    def dst(self, moment: datetime | None) -> timedelta:
        return self.utcoffset(moment) - _WINTER

    def tzname(self, moment: datetime | None) -> str:
        return "summer" if self.dst(moment) else "winter"

    def fromutc(self, moment: datetime) -> datetime:
        true = moment.replace(tzinfo=UTC)
        if FORWARD_AT <= true < BACK_AT:
            return moment + _SUMMER
        is_repeated = BACK_AT <= true < BACK_AT + _SUMMER - _WINTER
        return (moment + _WINTER).replace(fold=is_repeated)


ZONE = OneSummer()
