"""Records onto messages in memory: everything that they name was made sure of before.

Gives     ``Appliance.prepare`` for the records of one server, then ``apply`` for each of them.
"""

from collections.abc import Sequence

from mailtally_collector.delivery_state import is_probe
from mailtally_collector.records import (
    Accepted,
    Attempt,
    Changed,
    Link,
    Record,
    SpamScore,
    short_hash,
)
from mailtally_collector.store.links import Links
from mailtally_collector.store.mail import Mail, Told
from mailtally_collector.store.mails import Mails
from mailtally_collector.store.timing import Timing, pack_timing
from mailtally_collector.store.vocabulary import Vocabulary


class Appliance:
    """Applies records. Used by one writer thread only."""

    def __init__(self, vocabulary: Vocabulary, mails: Mails, links: Links) -> None:
        self._vocabulary = vocabulary
        self._mails = mails
        self._links = links

    def prepare(self, server_id: int, records: Sequence[Record], newest_key_us: int) -> None:
        """Read the messages and links that the records mean."""
        instance = self._vocabulary.instance
        refs = {record.message for record in records}
        at_server = [(instance(server_id, ref.instance), ref) for ref in refs]
        self._mails.prepare(server_id, at_server, newest_key_us)
        linked = [record for record in records if isinstance(record.what, Link)]
        self._links.prepare([self._find(server_id, record) for record in linked])

    def apply(self, server_id: int, record: Record) -> bool:
        """Apply one prepared record; False when it was known."""
        mail = self._find(server_id, record)
        match record.what:
            case Attempt() as what:
                return self._attempt(mail, record, what)
            case Accepted() as what:
                return self._accept(mail, record, what)
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
        instance_id = self._vocabulary.instance(server_id, record.message.instance)
        return self._mails.find(server_id, instance_id, record.message)

    def _accept(self, mail: Mail, record: Record, what: Accepted) -> bool:
        row = mail.row
        before = (row.message_id, row.sender_id)
        sender, client_id = self._vocabulary.sender(what), self._vocabulary.client(what)
        fresh = row.accept(record.key, what, sender, client_id)
        if (row.message_id, row.sender_id) != before:
            self._mails.stir(mail)
        self._mails.mark(mail)
        return fresh

    def _attempt(self, mail: Mail, record: Record, what: Attempt) -> bool:
        key = record.key
        if not self._mails.note_attempt(mail, (key.time_us, key.line_hash)):
            return False
        relay_id = self._vocabulary.relay(what)
        told = Told(
            what.direction,
            relay_id,
            self._vocabulary.transport(what),
            what.reply_text,
            pack_timing(
                Timing(
                    what.reply_truncated,
                    what.recipient_ambiguous,
                    what.connection_use,
                    what.delay_us,
                    what.queue_delay_us,
                    what.active_delay_us,
                    what.setup_delay_us,
                    what.transmission_delay_us,
                )
            ),
        )
        mail.attempt(key, what, self._vocabulary.named(what, relay_id), told)
        if is_probe(what.outcome):
            mail.row.is_probe = True
        if mail.row.leads_on:
            self._mails.stir(mail)
        self._mails.mark(mail)
        return True

    def _change(self, mail: Mail, record: Record, what: Changed) -> bool:
        key = record.key
        if not mail.change((key.time_us, short_hash(key.line_hash), what.change)):
            return False
        if mail.refresh_end():
            self._mails.stir(mail)
        self._mails.mark(mail)
        return True
