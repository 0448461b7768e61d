"""Records onto messages in memory: everything that they name was made sure of before.

Gives     ``Appliance.prepare`` for the records of one server, then ``apply`` for each of them.
"""

from collections.abc import Sequence

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.delivery_state import is_probe
from mailtally_collector.records import (
    Accepted,
    Attempt,
    Changed,
    Link,
    Record,
    SpamScore,
)
from mailtally_collector.store.known_attempts import known_attempts
from mailtally_collector.store.links import Links
from mailtally_collector.store.mail import SUCCESSES, Mail, Named, Told
from mailtally_collector.store.mails import Mails
from mailtally_collector.store.models import Transport
from mailtally_collector.store.names import NO_UID, Addresses, Names
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.templates import Templates

RELAY = ("host", "address", "port")
CLIENT = ("name", "address", "sasl_method", "sasl_username", "submit_uid")
TRANSPORT = tuple(Transport._meta.sorted_field_names[1:])  # noqa: SLF001 - how peewee tells
NO_CLIENT = ("", "", "", b"", NO_UID)


class Appliance:
    """Applies records. Used by the writer thread only; ``forget`` after each rollback."""

    def __init__(self, sql: Sql, rules: CurrentRules, mails: Mails, links: Links) -> None:
        self._sql = sql
        self._mails = mails
        self._links = links
        self._templates = Templates(sql, rules)
        self._addresses = Addresses(sql)
        self._instances = Names(sql, "instance", ("server_id", "name"))
        self._relays = Names(sql, "relay", RELAY)
        self._clients = Names(sql, "client", CLIENT)
        self._transports = Names(sql, "transport", TRANSPORT)
        self._known: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        names = (self._instances, self._relays, self._clients, self._transports)
        for one in (self._templates, self._addresses, *names):
            one.forget()

    def prepare(self, server_id: int, records: Sequence[Record], newest_key_us: int) -> None:
        """Make sure of all names, and read the messages and keys that the records mean."""
        attempts = [record.what for record in records if isinstance(record.what, Attempt)]
        accepted = [record.what for record in records if isinstance(record.what, Accepted)]
        self._instances.make_sure({(server_id, record.message.instance) for record in records})
        addresses = {one.envelope_sender for one in accepted}
        for what in attempts:
            addresses.add(what.recipient)
            if what.original_recipient:
                addresses.add(what.original_recipient)
        self._addresses.make_sure(addresses)
        self._relays.make_sure({_relay(what) for what in attempts})
        self._transports.make_sure({_transport(what) for what in attempts})
        self._clients.make_sure({_client(what) for what in accepted} - {NO_CLIENT})
        refs = {record.message for record in records}
        at_server = [(self._instances[server_id, ref.instance], ref) for ref in refs]
        self._mails.prepare(at_server, newest_key_us)
        keys = (
            (record.key.time_us, record.key.line_hash)
            for record in records
            if isinstance(record.what, Attempt)
        )
        self._known = known_attempts(self._sql, server_id, keys, newest_key_us)
        linked = [record for record in records if isinstance(record.what, Link)]
        self._links.prepare([self._find(server_id, record) for record in linked])

    def apply(self, server_id: int, record: Record) -> bool:
        """Apply one prepared record; False when it was known."""
        mail = self._find(server_id, record)
        match record.what:
            case Accepted() as what:
                return self._accept(mail, record, what)
            case Attempt() as what:
                return self._attempt(mail, record, what)
            case Changed() as what:
                return self._change(mail, record, what)
            case Link() as what:
                return self._links.store(record.key, mail, what)
            case SpamScore() as what:
                is_newer = mail.add_score(record.key, what)
                if is_newer:
                    self._mails.mark(mail)
                return is_newer

    def _find(self, server_id: int, record: Record) -> Mail:
        instance_id = self._instances[server_id, record.message.instance]
        return self._mails.find(server_id, instance_id, record.message)

    def _accept(self, mail: Mail, record: Record, what: Accepted) -> bool:
        row = mail.row
        client = _client(what)
        client_id = None if client == NO_CLIENT else self._clients[client]
        before = (row.message_id, row.sender_id)
        fresh = row.accept(record.key, what, self._addresses[what.envelope_sender], client_id)
        if (row.message_id, row.sender_id) != before:
            self._mails.stir(mail)
        self._mails.mark(mail)
        return fresh

    def _attempt(self, mail: Mail, record: Record, what: Attempt) -> bool:
        key = record.key
        if (key.time_us, key.line_hash) in self._known:
            return False
        self._known.add((key.time_us, key.line_hash))
        # Of an attempt that does not decide too: any order gives the same rows.
        failed = what.outcome not in SUCCESSES
        template_id = self._templates.find(what, key.time_us) if failed else None
        original = what.original_recipient
        original_id = self._addresses[original][0] if original else None
        told = Told(
            what.direction,
            self._relays[_relay(what)],
            self._transports[_transport(what)],
            what.reply_text,
            what.reply_truncated,
            what.connection_use,
            what.delay_us,
            what.queue_delay_us,
            what.active_delay_us,
            what.setup_delay_us,
            what.transmission_delay_us,
            what.recipient_ambiguous,
        )
        named = Named(*self._addresses[what.recipient], original_id, template_id)
        mail.attempt(key, what, named, told)
        if is_probe(what.outcome):
            mail.row.is_probe = True
        if mail.row.leads_on:
            self._mails.stir(mail)
        self._mails.mark(mail)
        return True

    def _change(self, mail: Mail, record: Record, what: Changed) -> bool:
        if not mail.change((record.key.time_us, record.key.line_hash, what.change)):
            return False
        if mail.refresh_end():
            self._mails.stir(mail)
        self._mails.mark(mail)
        return True


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
