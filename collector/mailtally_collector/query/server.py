"""One mail host, with all that its agent told last.

Scope     For who sees everything: what an agent tells is of mail of all.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from peewee import Database

from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import Server, list_servers
from mailtally_collector.records import AgentReport
from mailtally_collector.store.agent_reports import open_messages_of, samples_of, sources_of
from mailtally_collector.store.dialect import sql_for

NOTHING = AgentReport(0, 0, 0, 0, [], [], [])


@dataclass(frozen=True, slots=True)
class ServerDetail:
    """``reported_us`` is 0, and the report empty, when the agent never told anything."""

    server: Server
    reported_us: int
    report: AgentReport


def server_detail(
    database: Database, scope: Scope, present: AbstractSet[str], name: str, now_us: int
) -> ServerDetail:
    """Tell of the server with that name. Raises QueryError when there is none to be seen."""
    found = [] if scope.is_limited else list_servers(database, scope, present, now_us, (name,))
    if not found:
        raise QueryError(f"no server of the name {name} has reported")
    row = (
        sql_for(database)
        .run(
            "SELECT r.reported_us, r.clock_skew_us, r.oldest_line_us, r.settings_revision,"
            " r.next_collection_us, r.samples, r.open_messages, r.sources"
            " FROM agent_report r JOIN server s ON s.id = r.server_id"
            " WHERE s.name = ? AND r.reported_us > 0",
            (name,),
        )
        .fetchone()
    )
    if row is None:
        return ServerDetail(found[0], 0, NOTHING)
    reported_us, skew_us, oldest_us, revision, next_us, samples, messages, sources = row
    report = AgentReport(
        clock_skew_us=skew_us,
        oldest_line_us=oldest_us,
        settings_revision=revision,
        next_collection_us=next_us,
        samples=samples_of(samples),
        open_messages=open_messages_of(messages),
        sources=sources_of(sources),
    )
    return ServerDetail(found[0], reported_us, report)
