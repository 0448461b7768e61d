"""What collectors have to tell agents: settings, and requests to collect now.

Gives     ``Orders``, all of them at one moment; ``look`` reads them when something changed.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from mailtally_collector.collecting import DEFAULT, UNDER_WAY, Collecting
from mailtally_collector.store.settings import FLEET, changes, read_settings
from mailtally_collector.store.sql import Sql


@dataclass(frozen=True, slots=True)
class Request:
    """A request to collect now, and how long somebody waits for it."""

    id: int
    until_us: int


@dataclass(frozen=True, slots=True)
class Orders:
    """By name of the server; ``changes`` is the counter's value when they were read."""

    changes: int = 0
    fleet: Collecting = DEFAULT
    own: dict[str, Collecting] = field(default_factory=dict)
    requests: dict[str, list[Request]] = field(default_factory=dict)

    def settings_of(self, server: str) -> Collecting:
        """What holds for the server."""
        return self.own.get(server, self.fleet)

    def requests_of(self, server: str, now_us: int) -> list[Request]:
        """The server's requests that somebody waits for."""
        return [one for one in self.requests.get(server, ()) if one.until_us > now_us]


def look(sql: Sql, known: Orders, now_us: int) -> Orders:
    """Return the orders: those that are known when nothing has changed since."""
    newest = changes(sql)
    if newest == known.changes:
        return known
    settings = read_settings(sql)
    own = {}
    if len(settings) > (FLEET in settings):
        names = sql.run(
            "SELECT s.server_id, v.name FROM settings s JOIN server v ON v.id = s.server_id"
        ).fetchall()
        own = {name: settings[one] for one, name in names if one in settings}
    requests: defaultdict[str, list[Request]] = defaultdict(list)
    rows = sql.run(
        "SELECT v.name, r.id, r.until_us FROM collection_request r"
        " JOIN server v ON v.id = r.server_id WHERE r.until_us > ? AND r.state IN (?, ?)"
        " ORDER BY r.id",
        (now_us, *UNDER_WAY),
    )
    for name, request_id, until_us in rows.fetchall():
        requests[name].append(Request(request_id, until_us))
    return Orders(newest, settings.get(FLEET, DEFAULT), own, dict(requests))
