"""Create the tables of version 1.

A frozen copy of the models of that day: a migration must not change when the models do.
"""

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    Database,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.migrate import SchemaMigrator  # type: ignore[import-untyped]

from mailtally_collector.store.sql import Sql


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create every table, and the partial indexes that models cannot express."""

    class Frozen(Model):
        class Meta:
            database = db

    class Server(Frozen):
        id = AutoField()
        name = TextField(unique=True)
        agent_version = TextField()
        first_seen_us = BigIntegerField()
        last_seen_us = BigIntegerField()
        newest_line_us = BigIntegerField()
        lines_read = BigIntegerField()
        lines_unparsed = BigIntegerField()
        lines_oversize = BigIntegerField()
        backlog_bytes = BigIntegerField()
        open_messages = BigIntegerField()
        gaps = BigIntegerField()
        records_stored = BigIntegerField()
        records_quarantined = BigIntegerField()

    class AckToken(Frozen):
        id = AutoField()
        server = ForeignKeyField(Server, index=False)
        token = BlobField()
        stored_us = BigIntegerField()

        class Meta:
            table_name = "ack_token"
            indexes = ((("server_id", "token"), True),)

    class Domain(Frozen):
        id = AutoField()
        name = BlobField(unique=True)

    class Address(Frozen):
        id = AutoField()
        domain = ForeignKeyField(Domain, index=False)
        local_part = BlobField()

        class Meta:
            indexes = ((("domain_id", "local_part"), True),)

    class Message(Frozen):
        id = AutoField()
        server = ForeignKeyField(Server, index=False)
        instance = TextField()
        queue_id = TextField()
        first_us = BigIntegerField()
        first_hash = BigIntegerField()
        origin_seen = BooleanField()
        arrival_us = BigIntegerField()
        origin = ForeignKeyField("self", null=True, index=False)
        origin_kind = IntegerField()
        accepted_us = BigIntegerField(null=True)
        accepted_hash = BigIntegerField(null=True)
        sender = ForeignKeyField(Address, null=True, index=False)
        sender_domain = ForeignKeyField(Domain, null=True, index=False)
        size_bytes = BigIntegerField()
        recipient_count = BigIntegerField()
        known_recipients = IntegerField()
        message_id = BlobField()
        client_name = TextField()
        client_address = TextField()
        sasl_method = TextField()
        sasl_username = BlobField()
        submit_uid = IntegerField(null=True)
        accepted_class = IntegerField()
        is_probe = BooleanField()
        link_class = IntegerField()
        inherited_class = IntegerField()
        traffic_class = IntegerField()
        leads_on = BooleanField()
        ended_us = BigIntegerField(null=True)
        end_change = IntegerField()
        held = BooleanField()
        untried = BigIntegerField()
        untried_state = IntegerField()
        spam_us = BigIntegerField(null=True)
        spam_hash = BigIntegerField(null=True)
        spam_scanner = TextField(null=True)
        spam_score = DoubleField(null=True)
        spam_required = DoubleField(null=True)
        spam_verdict = TextField(null=True)

        class Meta:
            indexes = (
                (("queue_id", "server_id", "instance", "first_us", "first_hash"), True),
                (("message_id",), False),
            )

    class ReplyTemplate(Frozen):
        id = AutoField()
        template = BlobField()
        reply_code = BigIntegerField()
        enhanced_status = TextField()
        relay_provider = TextField()
        domain_provider = TextField()
        sample = BlobField()
        first_seen_us = BigIntegerField()
        last_seen_us = BigIntegerField()
        rule_set = TextField()
        rule_id = TextField()
        reason = TextField()
        severity = TextField()
        basis = TextField()
        provider = TextField()
        mail_filter = TextField()

        class Meta:
            table_name = "reply_template"
            indexes = (
                (
                    (
                        "template",
                        "reply_code",
                        "enhanced_status",
                        "relay_provider",
                        "domain_provider",
                    ),
                    True,
                ),
            )

    class Delivery(Frozen):
        id = AutoField()
        message = ForeignKeyField(Message, index=False)
        recipient = ForeignKeyField(Address, index=False)
        original_recipient = ForeignKeyField(Address, index=False)
        recipient_domain = ForeignKeyField(Domain, index=False)
        state = IntegerField()
        direction = IntegerField()
        attempts = IntegerField()
        first_try_us = BigIntegerField()
        last_try_us = BigIntegerField()
        is_final = BooleanField()
        deciding_us = BigIntegerField()
        deciding_hash = BigIntegerField()
        outcome = IntegerField()
        reply_code = BigIntegerField()
        enhanced_status = TextField()
        reply_text = BlobField()
        reply_template = ForeignKeyField(ReplyTemplate, null=True, index=False)
        relay_host = BlobField()
        relay_address = TextField()
        relay_port = BigIntegerField()
        server = ForeignKeyField(Server, index=False)
        sender = ForeignKeyField(Address, null=True, index=False)
        sender_domain = ForeignKeyField(Domain, null=True, index=False)
        arrival_us = BigIntegerField()
        traffic_class = IntegerField()

        class Meta:
            indexes = (
                (("message_id", "recipient_id", "original_recipient_id"), True),
                (("arrival_us",), False),
                (("sender_domain_id", "arrival_us"), False),
                (("recipient_id",), False),
                (("original_recipient_id",), False),
            )

    class Attempt(Frozen):
        server = ForeignKeyField(Server, index=False)
        time_us = BigIntegerField()
        line_hash = BigIntegerField()
        delivery = ForeignKeyField(Delivery)
        relay_host = BlobField()
        relay_address = TextField()
        relay_port = BigIntegerField()
        delivery_agent = TextField()
        direction = IntegerField()
        outcome = IntegerField()
        status = TextField()
        enhanced_status = TextField()
        reply_code = BigIntegerField()
        reply_text = BlobField()
        reply_truncated = BooleanField()
        connection_use = BigIntegerField()
        delay_us = BigIntegerField()
        queue_delay_us = BigIntegerField()
        active_delay_us = BigIntegerField()
        setup_delay_us = BigIntegerField()
        transmission_delay_us = BigIntegerField()
        reply_phase = TextField()
        tls_policy = TextField()
        tls_trust = TextField()
        tls_protocol = TextField()
        tls_cipher = TextField()
        recipient_ambiguous = BooleanField()

        class Meta:
            primary_key = CompositeKey("server", "time_us", "line_hash")
            without_rowid = True

    class MessageEvent(Frozen):
        server = ForeignKeyField(Server, index=False)
        time_us = BigIntegerField()
        line_hash = BigIntegerField()
        message = ForeignKeyField(Message)
        change = IntegerField()

        class Meta:
            table_name = "message_event"
            primary_key = CompositeKey("server", "time_us", "line_hash")
            without_rowid = True

    class MessageLink(Frozen):
        server = ForeignKeyField(Server, index=False)
        time_us = BigIntegerField()
        line_hash = BigIntegerField()
        parent = ForeignKeyField(Message)
        kind = IntegerField()
        child_queue_id = TextField()
        child = ForeignKeyField(Message, null=True, index=False, backref="+")

        class Meta:
            table_name = "message_link"
            primary_key = CompositeKey("server", "time_us", "line_hash")
            without_rowid = True
            indexes = ((("child_queue_id", "kind", "time_us"), False),)

    class Quarantine(Frozen):
        id = AutoField()
        server = ForeignKeyField(Server, index=False)
        digest = BlobField()
        stored_us = BigIntegerField()
        reason = TextField()
        record = BlobField()

        class Meta:
            indexes = ((("server_id", "digest"), True),)

    db.create_tables(
        [
            Server,
            AckToken,
            Domain,
            Address,
            Message,
            ReplyTemplate,
            Delivery,
            Attempt,
            MessageEvent,
            MessageLink,
            Quarantine,
        ]
    )
    # Messages with recipients that were not tried yet, or never: a small part of all.
    Sql(db).run("CREATE INDEX message_untried ON message (arrival_us) WHERE untried > 0")
    # What the list of failures reads; 2 is "delivered".
    Sql(db).run("CREATE INDEX delivery_failed ON delivery (last_try_us, id) WHERE state <> 2")
    # Messages that continue others, from the others.
    Sql(db).run("CREATE INDEX message_origin ON message (origin_id) WHERE origin_id IS NOT NULL")
    Sql(db).run("CREATE INDEX link_child ON message_link (child_id) WHERE child_id IS NOT NULL")
