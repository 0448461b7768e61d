"""The sizing model of docs/decisions/0021: what a fleet needs, from stated constants alone."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from mailtally_collector.store.ids import COUNTER_BITS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/decisions/0021-beyond-one-server.md"
BEGIN, END = "<!-- made by: make sizing -->\n", "<!-- end -->"

# Measured: make bench-ingest, make bench-distributed, make bench-queries (10 and 1 million).
RECORDS_A_DELIVERY = 2.8
SQLITE_BYTES = 449
POSTGRES_BYTES = 1_047
POSTGRES_US, COORDINATOR_US, NODES_US, COLLECTOR_US = 16, 17, 45, 58
SQLITE_RECORDS = 10_000
# Assumed.
RECIPIENTS_A_MESSAGE = 1.2
FAILED, LINKED = 0.10, 0.10
NEW_ADDRESSES = 0.002
PEAK = 3
KEPT_DAYS = 90
COPIES = 2
CORES, BUSY = 16, 0.5
DISK_BYTES, FULL = 8 * 10**12, 0.7

DAY_SECONDS = 86_400
NUMBERS = 2**31
ROWS_A_DELIVERY = 1 / RECIPIENTS_A_MESSAGE + 1 + 2 * FAILED + LINKED
# Ids of messages are told apart by a counter within the hour.
CELL_A_DAY = 2**COUNTER_BITS / PEAK * 24 * RECIPIENTS_A_MESSAGE

FLEETS = (
    *((10, 10_000), (100, 50_000), (500, 100_000)),
    *((2_000, 250_000), (5_000, 400_000), (10_000, 1_000_000)),
)
HEAD = (
    *("mail hosts", "deliveries a day", "records/s at the peak", "rows", "bytes"),
    *("database", "cores of collectors", "cores of coordinators", "machines for the tables"),
    "names last",
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many mail hosts with so many deliveries a day each."""

    hosts: int
    deliveries_a_host: int

    @property
    def deliveries(self) -> int:
        """A day, of all hosts."""
        return self.hosts * self.deliveries_a_host

    @property
    def peak(self) -> float:
        """Records a second in the busiest hour."""
        return self.deliveries * RECORDS_A_DELIVERY / DAY_SECONDS * PEAK

    @property
    def rows(self) -> float:
        """Rows that are kept, without roll-ups."""
        return self.deliveries * KEPT_DAYS * ROWS_A_DELIVERY

    @property
    def bytes(self) -> int:
        """One copy of what is kept in PostgreSQL, with indexes and roll-ups."""
        return self.deliveries * KEPT_DAYS * POSTGRES_BYTES

    @property
    def is_small(self) -> bool:
        """Whether a SQLite file does: its one writer keeps up, and it can be copied in an hour."""
        return self.peak < SQLITE_RECORDS / 2 and self.bytes < 100 * 10**9

    @property
    def cells(self) -> int:
        """Clusters, each with hosts of its own; 0 when one PostgreSQL does."""
        fits = self.bytes <= DISK_BYTES * FULL and _cores(self.peak, POSTGRES_US) <= CORES
        return 0 if fits else ceil(self.deliveries / CELL_A_DAY)

    @property
    def machines(self) -> int:
        """Servers that hold the tables, with the copies."""
        by_disk = self.bytes / (DISK_BYTES * FULL)
        by_cores = _cores(self.peak, NODES_US if self.cells else POSTGRES_US) / CORES
        return COPIES * ceil(max(by_disk, by_cores))

    def row(self) -> tuple[str, ...]:
        """The cells of the table."""
        cells = self.cells
        database = f"{cells} clusters" if cells > 1 else "one cluster"
        if not cells:
            database = "SQLite" if self.is_small else "one PostgreSQL"
        names_days = NUMBERS / (self.deliveries / max(1, cells) * NEW_ADDRESSES)
        return (
            *(f"{self.hosts:,}", _short(self.deliveries), f"{self.peak:,.0f}", _short(self.rows)),
            *(f"{_short(self.bytes)}B", database, f"{_cores(self.peak, COLLECTOR_US)}"),
            f"{_cores(self.peak, COORDINATOR_US)}" if cells else "",
            "1" if self.is_small else f"{self.machines}",
            f"{names_days / 365:,.0f} years" if names_days > 730 else f"{names_days:,.0f} days",
        )


def table() -> str:
    """The table, as Markdown."""
    rows = [HEAD, ("---:",) * len(HEAD), *(Fleet(*one).row() for one in FLEETS)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cores(records_a_second: float, cpu_us: int) -> int:
    return ceil(records_a_second * cpu_us / 1e6 / BUSY)


def _short(number: float) -> str:
    """Two digits, and k, M, G, T.

    >>> _short(1_260_000_000)
    '1.3 G'
    """
    for unit in ("", " k", " M", " G"):
        if number < 999.5:
            return f"{number:.2g}{unit}" if number < 10 else f"{number:.0f}{unit}"
        number /= 1_000
    return f"{number:.0f} T" if number >= 10 else f"{number:.2g} T"
