"""Changes of settings and requests to collect: first whether they can be, then what is written.

Gives     ``Change`` and ``Request``, checked on the reading side, each with the work for one
          transaction, which notes it in the audit as well.
Who       A person's name, or "local".
Raises    QueryError, which names the field, for what cannot be done.
"""

from dataclasses import dataclass

from mailtally_collector.collecting import interval_fault
from mailtally_collector.durations import SECOND_US
from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.settings import server_ids
from mailtally_collector.store.audit import note
from mailtally_collector.store.requests import request_collection
from mailtally_collector.store.settings import FLEET, change_settings, clear_settings
from mailtally_collector.store.sql import Sql

WAIT_DEFAULT, WAIT_MAX = 60, 3_600


@dataclass(frozen=True, slots=True)
class Change:
    """New settings of servers, or of the fleet for no names; None leaves what held before."""

    servers: tuple[str, ...]
    enabled: bool | None
    interval_seconds: int | None
    now_us: int
    who: str

    def check(self, sql: Sql) -> None:
        """Raise QueryError for what cannot be set."""
        if self.enabled is None and self.interval_seconds is None:
            raise QueryError("enabled, interval_seconds: neither is given, so there is no change")
        if self.interval_seconds is not None and (fault := interval_fault(self.interval_seconds)):
            raise QueryError(fault)
        server_ids(sql, self.servers)

    def write(self, sql: Sql) -> None:
        """Change them."""
        ids = list(server_ids(sql, self.servers).values()) if self.servers else [FLEET]
        change_settings(
            *(sql, ids),
            enabled=self.enabled,
            interval_seconds=self.interval_seconds,
            who=self.who,
            now_us=self.now_us,
        )
        values = (("enabled", self.enabled), ("interval_seconds", self.interval_seconds))
        detail = " ".join(f"{name}={value}".lower() for name, value in values if value is not None)
        _note(sql, self, "update-settings", detail)


@dataclass(frozen=True, slots=True)
class Clearing:
    """Servers for which the fleet's settings are to hold again."""

    servers: tuple[str, ...]
    now_us: int
    who: str

    def check(self, sql: Sql) -> None:
        """Raise QueryError when there is no such server."""
        if not self.servers:
            raise QueryError("servers: name at least one; the fleet's settings cannot be cleared")
        server_ids(sql, self.servers)

    def write(self, sql: Sql) -> None:
        """Clear theirs."""
        clear_settings(sql, list(server_ids(sql, self.servers).values()))
        _note(sql, self, "clear-settings", "")


@dataclass(frozen=True, slots=True)
class Request:
    """Servers, all for no names, whose logs are to be read up to now; 0: the default time."""

    servers: tuple[str, ...]
    wait_seconds: int
    now_us: int
    who: str

    def check(self, sql: Sql) -> None:
        """Raise QueryError when there is no such server."""
        if self.wait_seconds > WAIT_MAX:
            raise QueryError(f"wait_seconds: {self.wait_seconds} is more than {WAIT_MAX}")
        server_ids(sql, self.servers)

    def write(self, sql: Sql) -> list[int]:
        """Ask for them; the ids of the requests."""
        ids = list(server_ids(sql, self.servers).values())
        wait_seconds = self.wait_seconds or WAIT_DEFAULT
        until_us = self.now_us + wait_seconds * SECOND_US
        requests = request_collection(sql, ids, self.now_us, until_us)
        detail = f"servers={len(ids)} wait_seconds={wait_seconds}"
        _note(sql, self, "collect-now", detail)
        return list(requests.values())


def _note(sql: Sql, what: Change | Clearing | Request, action: str, detail: str) -> None:
    scope = ", ".join(sorted(what.servers)) or "fleet"
    note(sql, what.now_us, who=what.who, action=action, scope=scope, detail=detail)
