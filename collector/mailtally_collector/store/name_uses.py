"""Names that nothing uses any more: addresses, domains, relays, clients, ways of delivery, replies.

Theory    1. ``retention.sweeping`` is set; from then on batches note what they use in ``name_use``.
          2. All rows are read, without a lock, and what they use is marked.
          3. Names that are neither marked nor noted go, some at a time. Each transaction counts as
             a deletion, so that nobody goes on using a number that he remembers.
          What is inserted before 1 is read in 2, what is inserted after 1 is noted.
          Batches hold the row of ``retention`` until they end, so that 1 waits for those before it.
Limits    A sweep reads all rows. A name that becomes unused meanwhile goes with the next one.
          Replies stay as long as roll-ups count them, and so do mailboxes. Providers are few.
"""
# ruff: noqa: S608 — names are constants

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mailtally_collector.store.flush import ATTEMPT
from mailtally_collector.store.mail import DeliveryRow, Mail
from mailtally_collector.store.sql import Sql

# Columns that use the names of a table; addresses before the domains in which they are.
USES: dict[str, tuple[tuple[str, str], ...]] = {
    "address": (
        ("message", "sender_id"),
        ("delivery", "recipient_id"),
        ("delivery", "original_recipient_id"),
        ("failure", "sender_id"),
        ("mailbox_day", "sender_id"),
    ),
    "relay": (("delivery", "relay_id"), ("attempt", "relay_id")),
    "client": (("message", "client_id"),),
    "transport": (("delivery", "transport_id"), ("attempt", "transport_id")),
    "reply_template": (
        ("delivery", "reply_template_id"),
        ("failure", "reply_template_id"),
        ("reason_hour", "reply_template_id"),
        ("domain_reason_day", "reply_template_id"),
    ),
    "domain": (
        ("message", "sender_domain_id"),
        ("delivery", "recipient_domain_id"),
        ("failure", "sender_domain_id"),
        ("failure", "recipient_domain_id"),
        ("domain_hour", "sender_domain_id"),
        ("domain_reason_day", "sender_domain_id"),
        ("domain_provider_day", "sender_domain_id"),
        ("mailbox_day", "sender_domain_id"),
    ),
}
NAMES_AT_ONCE = 2_000
ROWS_AT_ONCE = 20_000


def begin_sweep(sql: Sql) -> None:
    """Have batches note what they use from now on."""
    sql.run("DELETE FROM name_use")
    sql.run("UPDATE retention SET sweeping = ? WHERE id = 1", (True,))


def end_sweep(sql: Sql) -> None:
    """Have them stop."""
    sql.run("UPDATE retention SET sweeping = ? WHERE id = 1", (False,))
    sql.run("DELETE FROM name_use")


def note_uses(sql: Sql, mails: Iterable[Mail]) -> None:
    """Note the names that the rows of these messages use, which a batch has just written."""
    used = {
        (name_table, name_id)
        for mail in mails
        for name_table, uses in USES.items()
        for table, column in uses
        for name_id in _values(mail, table, column)
        if name_id is not None
    }
    sql.insert_missing("name_use", ("name_table", "name_id"), sorted(used))


def _values(mail: Mail, table: str, column: str) -> Iterator[int | None]:
    """Yield what a column of the message's rows names."""
    match table:
        case "message":
            yield getattr(mail.row, column)
        case "delivery":
            for delivery in mail.deliveries.values():
                yield _of_delivery(delivery, column)
        case "attempt":
            for attempt in mail.new_attempts:
                value = attempt[ATTEMPT.index(column)]
                yield value if isinstance(value, int) else None


def _of_delivery(delivery: DeliveryRow, column: str) -> int | None:
    owner = delivery if hasattr(delivery, column) else delivery.told
    value: int | None = getattr(owner, column) if owner is not None else None
    return value


@dataclass(slots=True)
class Marks:
    """A bit for each name of one table up to the last that there was when marking began."""

    table: str
    last_id: int
    bits: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.bits = bytearray(self.last_id // 8 + 1)

    def mark(self, name_id: int) -> None:
        """Note that the name is in use."""
        if name_id <= self.last_id:
            self.bits[name_id >> 3] |= 1 << (name_id & 7)

    def is_marked(self, name_id: int) -> bool:
        """Whether the name is in use, or newer than these marks."""
        return name_id > self.last_id or bool(self.bits[name_id >> 3] >> (name_id & 7) & 1)


def open_marks(sql: Sql, table: str) -> Marks:
    """Begin with marks for the names that there are."""
    (last_id,) = sql.run(f"SELECT MAX(id) FROM {table}").fetchone()
    return Marks(table, last_id or 0)


def mark_uses(sql: Sql, marks: Marks, use: tuple[str, str]) -> None:
    """Mark the names that one column uses."""
    table, column = use
    rows = sql.run(f"SELECT DISTINCT {column} FROM {table} WHERE {column} > 0")
    while some := rows.fetchmany(ROWS_AT_ONCE):
        for (name_id,) in some:
            marks.mark(name_id)


def unmarked(sql: Sql, marks: Marks) -> Iterator[list[int]]:
    """Read the names that are not in use, some at a time."""
    last_id = 0
    statement = f"SELECT id FROM {marks.table} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    while rows := sql.run(statement, (last_id, marks.last_id, ROWS_AT_ONCE)).fetchall():
        last_id = rows[-1][0]
        idle = [name_id for (name_id,) in rows if not marks.is_marked(name_id)]
        for first in range(0, len(idle), NAMES_AT_ONCE):
            yield idle[first : first + NAMES_AT_ONCE]


def delete_unused(sql: Sql, table: str, name_ids: list[int]) -> int:
    """Delete those of these names that were not noted meanwhile; how many.

    The count of deletions comes first: batches hold its row, so that what they use is noted then.
    """
    sql.run("UPDATE retention SET deletions = deletions + 1 WHERE id = 1")
    wanted = {(one,) for one in name_ids}
    noted = sql.find(
        "name_use",
        ("name_id",),
        ("name_table", "name_id"),
        [(table, name_id) for name_id in name_ids],
    )
    wanted -= set(noted)
    if table == "domain":
        # An address before aliasing has a domain that no other column names.
        wanted -= set(sql.find("address", ("domain_id",), ("domain_id",), wanted))
    sql.delete_many(table, ("id",), sorted(wanted))
    return len(wanted)
