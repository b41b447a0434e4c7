"""So many in any stretch of time, wherever it begins."""

from datetime import timedelta

from issuer.pace import Pace
from tests.simulator import NOW


def test_n13_the_edge_of_a_minute_lets_no_more_through() -> None:
    """Three in any minute, not three before and three behind a stroke of the clock."""
    pace, allowed, at = Pace(), [], NOW
    for second in range(50, 180):
        at = NOW.replace(second=0) + timedelta(seconds=second)
        if pace.allows("AUS", 3, now=at):
            allowed.append(second)
    assert allowed == [50, 51, 52, 110, 111, 112, 170, 171, 172]
    assert pace.wait("AUS", 3, now=at) == timedelta(seconds=51)
    assert pace.allows("NZL", 3, now=at)
    assert pace.wait("AUS", 1, now=at) == timedelta(seconds=53)
    uneven = Pace()
    for second in (0, 1, 50):
        assert uneven.allows("AUS", 3, now=NOW + timedelta(seconds=second))
    later = [
        second
        for second in range(60, 125)
        if uneven.allows("AUS", 3, now=NOW + timedelta(seconds=second))
    ]
    assert later == [60, 61, 110, 120, 121]
    many = Pace()
    assert many.allows("AUS", 10, count=6, now=NOW)
    assert many.wait("AUS", 10, count=5, now=NOW) == timedelta(minutes=1)
    assert many.allows("AUS", 10, count=4, now=NOW + timedelta(seconds=9))
    assert many.wait("AUS", 10, count=7, now=NOW + timedelta(seconds=60)) == timedelta(
        seconds=9
    )
    assert many.allows("AUS", 10, count=6, now=NOW + timedelta(seconds=60))
    assert not many.allows("NZL", 10, count=11, now=NOW)


def test_n13_a_flood_within_a_pace_takes_little_memory() -> None:
    """60,000 a minute are counted, and one more is not allowed; not each is kept."""
    pace, at = Pace(), NOW
    for _ in range(60_000):
        at += timedelta(milliseconds=1)
        assert pace.allows("AUS", 60_000, now=at)
    assert pace.wait("AUS", 60_000, now=at) == timedelta(seconds=0.1)
    assert len(pace._seen["AUS"].parts) <= 601
    assert pace.allows("AUS", 60_000, now=at + timedelta(seconds=0.1))
