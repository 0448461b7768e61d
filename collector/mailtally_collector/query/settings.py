"""How logs are collected, of the fleet and of each server; and which servers a request names."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailtally_collector.collecting import Collecting
from mailtally_collector.query.filters import QueryError
from mailtally_collector.store.settings import FLEET, in_force, read_settings
from mailtally_collector.store.sql import Sql


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What holds for a server, whether it has settings of its own, and what its agent knows of."""

    server: str
    settings: Collecting
    own: bool
    agent_revision: int


@dataclass(frozen=True, slots=True)
class SettingsList:
    """Servers by name."""

    fleet: Collecting
    servers: list[ServerSettings]


def server_ids(sql: Sql, names: Sequence[str]) -> dict[str, int]:
    """Ids of the servers of these names, of all for none, by name. Raises QueryError."""
    rows = sql.run("SELECT name, id FROM server ORDER BY name").fetchall()
    known = dict(rows)
    unknown = sorted(set(names).difference(known))
    if unknown:
        some = ", ".join(list(known)[:20]) + (", …" if len(known) > 20 else "")
        raise QueryError(
            f"servers: no server of the name {' or '.join(unknown)} has reported"
            + (f"; known are {some}" if known else "")
        )
    wanted = set(names)
    return {name: one for name, one in known.items() if not wanted or name in wanted}


def list_settings(sql: Sql, names: Sequence[str]) -> SettingsList:
    """List them, for these servers or for all. Raises QueryError for a name that is not known."""
    chosen = server_ids(sql, names)
    settings = read_settings(sql)
    revisions = dict(sql.run("SELECT server_id, settings_revision FROM agent_report").fetchall())
    return SettingsList(
        in_force(settings, FLEET),
        [
            ServerSettings(name, in_force(settings, one), one in settings, revisions.get(one, 0))
            for name, one in chosen.items()
        ],
    )
