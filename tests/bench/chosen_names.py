"""Names to ask about, drawn among those that exist: each as likely as any other.

Gives     ``Names``: lists that are read once, and look-ups of random messages and recipients.
"""

from random import Random

from mailtally_collector.store.ids import first_id
from mailtally_collector.store.names import join_address
from mailtally_collector.store.sql import Sql
from tests.bench.fleet_records import BEGIN_US, END_US


class Names:
    """What is in one database."""

    def __init__(self, sql: Sql, chance: Random) -> None:
        self._sql = sql
        self._chance = chance
        self.servers = self._texts("SELECT name FROM server ORDER BY name")
        self.domains = self._texts(
            "SELECT name FROM domain WHERE id IN (SELECT sender_domain_id FROM domain_reason_day)"
            " ORDER BY name"
        )
        self.recipient_domains = self._texts(
            "SELECT name FROM domain WHERE id IN (SELECT recipient_domain_id FROM failure)"
            " ORDER BY name"
        )
        self.reasons = self._texts(
            "SELECT DISTINCT reason FROM reply_template WHERE reason <> '' ORDER BY reason"
        )
        self.providers = self._texts(
            "SELECT DISTINCT provider FROM reply_template WHERE provider <> '' ORDER BY provider"
        )
        self._senders = [
            number
            for (number,) in sql.run(
                "SELECT DISTINCT sender_id FROM mailbox_day WHERE sender_id > 0 ORDER BY sender_id"
            ).fetchall()
        ]
        (self._last_address,) = sql.run("SELECT MAX(id) FROM address").fetchone()

    def mailbox(self) -> str:
        """Return an address that sent mail."""
        return self._address(self._chance.choice(self._senders))

    def recipient(self) -> str:
        """Return an address that mail was sent to."""
        while True:
            number = self._chance.randint(1, self._last_address)
            if self._sql.run(
                "SELECT message_id FROM delivery WHERE recipient_id = ? LIMIT 1", (number,)
            ).fetchone():
                return self._address(number)

    def message(self) -> tuple[str, str]:
        """Return the queue id and the Message-ID of a message of any moment."""
        moment_us = self._chance.randrange(BEGIN_US, END_US - 3_600_000_000)
        queue_id, message_id = self._sql.run(
            "SELECT queue_id, message_id FROM message WHERE id >= ? ORDER BY id LIMIT 1",
            (first_id(moment_us) + self._chance.randrange(1_000_000),),
        ).fetchone()
        return queue_id, bytes(message_id).decode()

    def _address(self, number: int) -> str:
        local_part, domain = self._sql.run(
            "SELECT a.local_part, d.name FROM address a JOIN domain d ON d.id = a.domain_id"
            " WHERE a.id = ?",
            (number,),
        ).fetchone()
        return join_address(bytes(local_part), bytes(domain)).decode()

    def _texts(self, statement: str) -> list[str]:
        names = (name for (name,) in self._sql.run(statement).fetchall())
        return [name if isinstance(name, str) else bytes(name).decode() for name in names]
