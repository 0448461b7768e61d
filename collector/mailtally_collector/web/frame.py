"""What stands around the matter of every page with a filter: how fresh it is, and what to choose.

Names     Who sees everything is offered domains of the newest mail, and may type any; others are
          offered what is theirs.
"""

from dataclasses import dataclass, replace

from peewee import Database

from mailtally_collector.durations import DAY_US
from mailtally_collector.query.breakdown import breakdown
from mailtally_collector.query.coverage import Coverage, coverage
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.recent_domains import recent_domains
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import Server, list_servers
from mailtally_collector.terms import CountOrder, Dimension
from mailtally_collector.web.view import View

NAMES_OFFERED = 50


@dataclass(frozen=True, slots=True)
class Frame:
    """``servers`` are all that are seen, ``chosen`` those that the view names, or all."""

    now_us: int
    servers: list[Server]
    chosen: list[Server]
    coverage: Coverage
    domains: list[str]
    mailboxes: list[str]

    @property
    def off(self) -> list[Server]:
        """Chosen servers whose logs are read on request only."""
        return [server for server in self.chosen if not server.collecting.enabled]


def frame(
    database: Database, scope: Scope, present: frozenset[str], view: View, now_us: int
) -> Frame:
    """Ask. Raises QueryError when the choice cannot be answered."""
    asked = view.settled(now_us)
    selection = select(asked, now_us)
    servers = list_servers(database, scope, present, now_us)
    range_us = (selection.start_us, selection.end_us)
    return Frame(
        now_us=now_us,
        servers=servers,
        chosen=[one for one in servers if not asked.servers or one.name in asked.servers],
        coverage=coverage(database, scope, selection.servers, range_us, now_us),
        domains=_domains(database, scope),
        mailboxes=_mailboxes(database, scope, asked, now_us),
    )


def _domains(database: Database, scope: Scope) -> list[str]:
    names = recent_domains(database, NAMES_OFFERED) if scope.domains is None else scope.domains
    return [name.decode("utf-8", "backslashreplace") for name in names]


def _mailboxes(database: Database, scope: Scope, asked: Filter, now_us: int) -> list[str]:
    """Mailboxes of the chosen domain, or of all of a customer's; none without one."""
    if not asked.domain and not scope.is_limited:
        return []
    begin_us = max(asked.start_us or 0, now_us - DAY_US)
    day = replace(Filter(domain=asked.domain), start_us=min(begin_us, now_us - 1), end_us=now_us)
    rows = breakdown(
        *(database, scope, select(day, now_us), Dimension.MAILBOX),
        order=CountOrder.SENT,
        limit=NAMES_OFFERED,
    ).rows
    return sorted(row.name.decode("utf-8", "backslashreplace") for row in rows if row.name)
