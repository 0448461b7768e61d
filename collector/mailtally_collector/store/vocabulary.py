"""Everything that records name, made sure of before they are applied: hosts, addresses, replies.

Limits    What is made here stays when the batch that named it is refused: a name without rows is
          harmless, and where several collectors write, short statements keep them from waiting for
          one another.
"""

from collections.abc import Iterable

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.records import Accepted, Attempt, Record
from mailtally_collector.store.addresses import Addresses, AddressIds
from mailtally_collector.store.hosts import domains, relays
from mailtally_collector.store.mail import SUCCESSES, Named
from mailtally_collector.store.models import Transport
from mailtally_collector.store.names import NO_UID, Names
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.templates import Templates

CLIENT = ("name", "address", "sasl_method", "sasl_username", "submit_uid")
TRANSPORT = tuple(Transport._meta.sorted_field_names[1:])  # noqa: SLF001 - how peewee tells
NO_CLIENT = ("", "", "", b"", NO_UID)


class Vocabulary:
    """Numbers for names. ``forget`` after a rollback that may have undone them."""

    def __init__(self, sql: Sql, rules: CurrentRules) -> None:
        self._domains = domains(sql, rules)
        self._addresses = Addresses(sql, self._domains)
        self._instances = Names(sql, "instance", ("server_id", "name"))
        self._relays = relays(sql, rules)
        self._clients = Names(sql, "client", CLIENT)
        self._transports = Names(sql, "transport", TRANSPORT)
        self._templates = Templates(sql, rules)

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        names = (self._instances, self._relays, self._clients, self._transports)
        for one in (self._templates, self._addresses, *names):
            one.forget()

    def make_sure(self, records: Iterable[tuple[int, Record]]) -> None:
        """Find or make all that the records name, ``(server id, record)`` each."""
        addresses: set[bytes] = set()
        instances: set[tuple[object, ...]] = set()
        relays_named: set[tuple[object, ...]] = set()
        transports: set[tuple[object, ...]] = set()
        clients: set[tuple[object, ...]] = set()
        failed: list[tuple[int, Attempt]] = []
        for server_id, record in records:
            instances.add((server_id, record.message.instance))
            what = record.what
            if isinstance(what, Attempt):
                addresses.add(what.recipient)
                if what.original_recipient:
                    addresses.add(what.original_recipient)
                relays_named.add(_relay(what))
                transports.add(_transport(what))
                if what.outcome not in SUCCESSES:
                    failed.append((record.key.time_us, what))
            elif isinstance(what, Accepted):
                addresses.add(what.envelope_sender)
                clients.add(_client(what))
        self._instances.make_sure(instances)
        self._addresses.make_sure(addresses)
        self._relays.make_sure(relays_named)
        self._transports.make_sure(transports)
        self._clients.make_sure(clients - {NO_CLIENT})
        self._templates.make_sure(failed)

    def instance(self, server_id: int, name: str) -> int:
        """Return the number of an instance."""
        return self._instances[server_id, name]

    def sender(self, what: Accepted) -> AddressIds:
        """Return the numbers of the envelope sender."""
        return self._addresses[what.envelope_sender]

    def client(self, what: Accepted) -> int | None:
        """Return the number of who handed the message in; None when it is not told."""
        client = _client(what)
        return None if client == NO_CLIENT else self._clients[client]

    def relay(self, what: Attempt) -> int:
        """Return the number of where the attempt led."""
        return self._relays[_relay(what)]

    def transport(self, what: Attempt) -> int:
        """Return the number of how the attempt was made."""
        return self._transports[_transport(what)]

    def named(self, what: Attempt, relay_id: int) -> Named:
        """Return the numbers of a recipient, and of why it failed or who received."""
        recipient_id, domain_id = self._addresses[what.recipient]
        original = what.original_recipient
        original_id = self._addresses[original].address_id if original else None
        if what.outcome in SUCCESSES:
            receiver = self._relays.provider_id(relay_id) or self._domains.provider_id(domain_id)
            return Named(recipient_id, domain_id, original_id, None, receiver)
        return Named(recipient_id, domain_id, original_id, self._templates[what], 0)


def _relay(what: Attempt) -> tuple[object, ...]:
    return (what.relay_host, what.relay_address, what.relay_port)


def _client(what: Accepted) -> tuple[object, ...]:
    uid = NO_UID if what.submit_uid is None else what.submit_uid
    named = (what.client_name, what.client_address, what.sasl_method, what.sasl_username)
    return (*named, uid)


def _transport(what: Attempt) -> tuple[object, ...]:
    return (
        what.delivery_agent,
        what.status,
        what.reply_phase,
        what.tls_policy,
        what.tls_trust,
        what.tls_protocol,
        what.tls_cipher,
    )
