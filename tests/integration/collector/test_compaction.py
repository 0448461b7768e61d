"""Hours of long ago become days, and no sum changes."""

from mailtally_collector.durations import DAY_US
from mailtally_collector.query.filters import Filter
from mailtally_collector.store.compaction import compact
from mailtally_collector.store.dialect import writing
from mailtally_collector.terms import Bucket, TrafficClass
from tests.integration.collector.fleet import fleet
from tests.integration.collector.reports import T0, story
from tests.integration.collector.tables import Tables

DAY = T0 // DAY_US
WHOLE = Filter(
    start_us=DAY * DAY_US, end_us=(DAY + 1) * DAY_US, traffic_classes=tuple(TrafficClass)
)


def compacted(tables: Tables) -> int:
    with writing(tables.database):
        return compact(tables.sql, DAY)


def test_sums_of_the_day_stay_and_rows_are_fewer(tables: Tables) -> None:
    for server, record in fleet():
        tables.store([record], server)
    tables.store(story())
    before = tables.summary(WHOLE, Bucket.DAY)
    by_hour = tables.summary(WHOLE, Bucket.HOUR)
    assert sum(bucket.sent > 0 for bucket in by_hour.buckets) == 1
    rows = tables.column("SELECT COUNT(*) FROM traffic_hour")

    assert compacted(tables) >= 0
    after = tables.summary(WHOLE, Bucket.DAY)
    assert (after.total, after.buckets) == (before.total, before.buckets)
    assert tables.summary(WHOLE, Bucket.HOUR).buckets[0] == before.total
    assert tables.column("SELECT DISTINCT hour FROM traffic_hour") == [DAY * 24]
    assert tables.column("SELECT COUNT(*) FROM traffic_hour") <= rows
    assert compacted(tables) == 0


def test_what_is_added_later_is_folded_as_well(tables: Tables) -> None:
    tables.store(story()[:6])
    compacted(tables)
    tables.store(story())
    once = tables.summary(WHOLE, Bucket.DAY)
    compacted(tables)

    assert tables.summary(WHOLE, Bucket.DAY).total == once.total
    assert tables.column("SELECT DISTINCT hour FROM reason_hour") == [DAY * 24]
