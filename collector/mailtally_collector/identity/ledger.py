"""What the database knows of certificates, as awaitable calls."""

import asyncio
from collections.abc import Callable

from peewee import Database

from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.identities import (
    KnownCertificate,
    invited_server,
    known_certificates,
    note_certificate,
    use_invitation,
)
from mailtally_collector.store.reading import answer
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import Transact


class DatabaseLedger:
    """Reads on ``reader``, writes by ``transact``. Writing raises StoreUnavailableError."""

    def __init__(self, reader: Database, transact: Transact, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._transact = transact
        self._clock = clock

    async def known_certificates(self) -> dict[bytes, KnownCertificate]:
        """Return all by fingerprint. Raises peewee.PeeweeException."""
        return await asyncio.to_thread(
            answer, self._reader, lambda: known_certificates(sql_for(self._reader))
        )

    async def note_certificate(self, fingerprint: bytes, server: str, not_after_us: int) -> None:
        """Note a certificate that was issued or presented."""
        now_us = self._clock()
        await asyncio.to_thread(
            self._transact,
            lambda sql: note_certificate(sql, fingerprint, server, now_us, not_after_us),
        )

    async def invited_server(self, secret_hash: bytes) -> str | None:
        """Return for whom the invitation is; None when it cannot be used."""
        now_us = self._clock()
        return await asyncio.to_thread(
            self._transact, lambda sql: invited_server(sql, secret_hash, now_us)
        )

    async def use_invitation(
        self, secret_hash: bytes, fingerprint: bytes, server: str, not_after_us: int
    ) -> bool:
        """Exchange the invitation for a certificate; False when somebody else just did."""
        now_us = self._clock()

        def exchange(sql: Sql) -> bool:
            if not use_invitation(sql, secret_hash, now_us):
                return False
            note_certificate(sql, fingerprint, server, now_us, not_after_us)
            return True

        return await asyncio.to_thread(self._transact, exchange)
