"""The mail hosts, and how their agents are doing."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from peewee import Database, fn

from mailtally_collector.store import models

CONNECTED_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """One mail host; moments are 0 when there was none."""

    name: str
    agent_version: str
    connected: bool
    last_seen_us: int
    newest_line_us: int
    lines_read: int
    lines_unparsed: int
    lines_oversize: int
    backlog_bytes: int
    open_messages: int
    gaps: int
    records_stored: int
    records_quarantined: int
    records_too_old: int
    stale: str
    stale_since_us: int


def list_servers(database: Database, present: AbstractSet[str], now_us: int) -> list[Server]:
    """List all servers by name; ``present`` are those with a stream open at this process.

    One that was seen a moment ago counts as connected too: another collector may have its stream.
    """
    rows = (
        models.Server.select(
            models.Server,
            fn.COALESCE(models.Horizon.refused, 0).alias("records_too_old"),
            fn.COALESCE(models.StaleServer.reason, "").alias("stale"),
            fn.COALESCE(models.StaleServer.since_us, 0).alias("stale_since_us"),
        )
        .left_outer_join(models.Horizon, on=(models.Horizon.server_id == models.Server.id))
        .left_outer_join(
            models.StaleServer,
            on=(models.StaleServer.server_id == models.Server.id),
            src=models.Server,
        )
        .order_by(models.Server.name)
        .dicts()
    )
    return [
        Server(
            name=row["name"],
            agent_version=row["agent_version"],
            connected=row["name"] in present or row["last_seen_us"] >= now_us - CONNECTED_US,
            last_seen_us=row["last_seen_us"],
            newest_line_us=row["newest_line_us"],
            lines_read=row["lines_read"],
            lines_unparsed=row["lines_unparsed"],
            lines_oversize=row["lines_oversize"],
            backlog_bytes=row["backlog_bytes"],
            open_messages=row["open_messages"],
            gaps=row["gaps"],
            records_stored=row["records_stored"],
            records_quarantined=row["records_quarantined"],
            records_too_old=row["records_too_old"],
            stale=row["stale"],
            stale_since_us=row["stale_since_us"],
        )
        for row in rows.execute(database)
    ]
