"""Who asks over gRPC, and what they may.

Rights    ``authorization: Bearer mt_KEY_SECRET`` in the metadata stands for a person, with what the
          token leaves of their rights. Who gives none is "local" and may do everything: they came
          over loopback, or with a certificate that the gate took. A token that is not good is
          refused, never taken for none.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from peewee import Database

from mailtally_collector.people.rights import LOCAL, token_viewer
from mailtally_collector.people.secret import is_secret, token_parts
from mailtally_collector.query_threads import QueryThreads
from mailtally_collector.refusals import guarded
from mailtally_collector.store.audit import note
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.sign_ins import NOTED_US, note_used, token_with
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import Transact
from mailtally_collector.web.viewer import Role, Viewer

THREADS = 2
STAFF = (Role.ADMIN, Role.SUPPORT)
HEADER = "authorization"
SCHEME = "bearer"
BAD = "this token is not known, has ended, or is of a person who was disabled"

Context = grpc.aio.ServicerContext[Any, Any]


class Callers:
    """Reads on ``reader``, which the caller closes; writes by ``transact``."""

    def __init__(self, reader: Database, transact: Transact, clock: Callable[[], int]) -> None:
        self._sql = sql_for(reader)
        self._threads = QueryThreads(reader, THREADS)
        self._transact = transact
        self._clock = clock

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.close()

    async def of(self, context: Context, *roles: Role) -> Viewer:
        """Say who calls; end the call of who may not, being of none of ``roles``, if any."""
        viewer = await self._known(context)
        if roles and viewer.role not in roles:
            names = " or ".join(role.value for role in roles)
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                f"this is for {names}; the token stands for {viewer.role.value}",
            )
        return viewer

    async def note_lookup(self, context: Context, viewer: Viewer, action: str, what: str) -> None:
        """Have the audit say that a person looks at messages, before they do."""
        if viewer is LOCAL:
            return
        now_us = self._clock()

        def work(sql: Sql) -> None:
            note(sql, now_us, who=viewer.name, action=action, scope="messages", detail=what)

        await guarded(context, asyncio.to_thread(self._transact, work))

    async def _known(self, context: Context) -> Viewer:
        given = [value for key, value in context.invocation_metadata() or () if key == HEADER]
        if not given:
            return LOCAL
        scheme, _, text = str(given[0]).partition(" ")
        parts = token_parts(text) if scheme.lower() == SCHEME and len(given) == 1 else None
        viewer = None
        if parts:
            viewer = await guarded(context, self._threads.run(self._viewer, *parts))
        if viewer is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, BAD)
        return viewer

    def _viewer(self, key: str, secret: str) -> Viewer | None:
        now_us = self._clock()
        found = token_with(self._sql, key)
        if found is None:
            return None
        token, person = found
        if not is_secret(secret, token.secret_hash) or token.expires_us <= now_us:
            return None
        if person.disabled_us:
            return None
        if now_us - token.used_us >= NOTED_US:
            self._transact(lambda sql: note_used(sql, key, now_us))
        return token_viewer(person, token)
