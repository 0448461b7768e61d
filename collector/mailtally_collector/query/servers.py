"""The mail hosts, and how their agents are doing.

Scope     Who does not see everything sees the names of the servers that carried mail of his, and
          up to when their logs are read: no figures, which count mail of others too.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from peewee import ColumnBase, Database, fn

from mailtally_collector.collecting import DEFAULT, Collecting
from mailtally_collector.durations import SECOND_US
from mailtally_collector.query.connection import gone_since
from mailtally_collector.query.scope import Scope
from mailtally_collector.store import models
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.models import DomainHour
from mailtally_collector.store.settings import in_force, read_settings

FIGURES = (
    "lines_read",
    "lines_unparsed",
    "lines_oversize",
    "backlog_bytes",
    "open_messages",
    "gaps",
    "records_stored",
    "records_quarantined",
    "records_too_old",
    "stale",
    "stale_since_us",
    "gaps_known",
    "gaps_suspected",
)


@dataclass(frozen=True, slots=True)
class Server:
    """One mail host; moments are 0 when there was none."""

    name: str
    agent_version: str
    connected: bool
    last_seen_us: int
    newest_line_us: int
    oldest_line_us: int
    lines_read: int = 0
    lines_unparsed: int = 0
    lines_oversize: int = 0
    backlog_bytes: int = 0
    open_messages: int = 0
    gaps: int = 0
    records_stored: int = 0
    records_quarantined: int = 0
    records_too_old: int = 0
    stale: str = ""
    stale_since_us: int = 0
    gaps_known: int = 0
    gaps_suspected: int = 0
    collecting: Collecting = DEFAULT
    lag_us: int = 0


def list_servers(
    database: Database,
    scope: Scope,
    present: AbstractSet[str],
    now_us: int,
    names: tuple[str, ...] = (),
) -> list[Server]:
    """List all servers, or those that are named, by name.

    ``present``  those with a stream open at this process. Of others the tables tell.
    """
    settings = {} if scope.is_limited else read_settings(sql_for(database))
    rows = (
        models.Server.select(
            models.Server,
            fn.COALESCE(models.Horizon.refused, 0).alias("records_too_old"),
            fn.COALESCE(models.StaleServer.reason, "").alias("stale"),
            fn.COALESCE(models.StaleServer.since_us, 0).alias("stale_since_us"),
            _gaps(certain=True).alias("gaps_known"),
            _gaps(certain=False).alias("gaps_suspected"),
            models.AgentReport.connected_us,
            models.AgentReport.left_us,
        )
        .left_outer_join(models.Horizon, on=(models.Horizon.server_id == models.Server.id))
        .left_outer_join(
            models.StaleServer,
            on=(models.StaleServer.server_id == models.Server.id),
            src=models.Server,
        )
        .left_outer_join(
            models.AgentReport,
            on=(models.AgentReport.server_id == models.Server.id),
            src=models.Server,
        )
        .where(*seen_servers(scope), *([models.Server.name.in_(names)] if names else []))
        .order_by(models.Server.name)
        .dicts()
    )
    return [
        Server(
            name=row["name"],
            agent_version="" if scope.is_limited else row["agent_version"],
            connected=row["name"] in present
            or gone_since(row["last_seen_us"], row["connected_us"], row["left_us"]) > now_us,
            last_seen_us=0 if scope.is_limited else row["last_seen_us"],
            newest_line_us=row["newest_line_us"],
            oldest_line_us=row["oldest_line_us"],
            **({} if scope.is_limited else {name: row[name] for name in FIGURES}),
            collecting=in_force(settings, row["id"]),
            lag_us=0 if scope.is_limited else _lag_us(row, now_us),
        )
        for row in rows.execute(database)
    ]


def _lag_us(row: dict[str, Any], now_us: int) -> int:
    """How old the newest line is that was read, while more of them wait."""
    if not row["backlog_bytes"] or not row["newest_line_us"]:
        return 0
    return max(SECOND_US, now_us - int(row["newest_line_us"]))


def newest_line(database: Database, scope: Scope, names: tuple[str, ...]) -> int:
    """Return the moment of the newest line of these servers, of all for none named; 0 for none."""
    query = models.Server.select(fn.MAX(models.Server.newest_line_us)).where(*seen_servers(scope))
    if names:
        query = query.where(models.Server.name.in_(names))
    return query.scalar(database) or 0


def _gaps(*, certain: bool) -> Any:
    gaps = models.Gap.select(fn.COUNT(models.Gap.id))
    return gaps.where(models.Gap.server_id == models.Server.id, models.Gap.certain == certain)


def seen_servers(scope: Scope) -> list[ColumnBase]:
    """Conditions on servers: those that carried mail which the caller sees."""
    if not scope.is_limited:
        return [models.Server.id.is_null(is_null=False)]
    carried = DomainHour.select(DomainHour.server_id)
    return [models.Server.id.in_(carried.where(*scope.conditions(DomainHour.sender_domain_id)))]
