"""Half an hour of a busy host without a collector; ``make bench-outage`` takes a day."""

from pathlib import Path

from tests.bench.bench_outage import measure

HOURS = 24 / 50
DELIVERIES = 48_000


def test_memory_stays_flat_and_everything_is_stored_when_the_collector_comes(
    tmp_path: Path,
) -> None:
    outage = measure(tmp_path, HOURS, DELIVERIES)

    assert outage.missed() == []
    assert sum(outage.states.values()) == DELIVERIES
    assert outage.lines > 3 * DELIVERIES
