"""The tables, as queries see them. Migrations create them; a test compares the two.

Limits    Models are bound to no database: each query names the connection that it runs on.
          Moments are integer microseconds. What a stranger can influence is BLOB, so that bytes
          which are not valid UTF-8, or NUL, are kept as they were. Sender, class and arrival of a
          message are repeated in its deliveries, so that the frequent questions read one table.
"""
# ruff: noqa: D106 — peewee's Meta

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


class Server(Model):
    """A mail host that reported at least once."""

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


class AckToken(Model):
    """An acknowledgement that was given; the newest 256 of each server are kept."""

    id = AutoField()
    server = ForeignKeyField(Server, index=False)
    token = BlobField()
    stored_us = BigIntegerField()

    class Meta:
        table_name = "ack_token"
        indexes = ((("server_id", "token"), True),)


class Domain(Model):
    """The part of an address after its last @, ASCII letters in lower case; empty for none."""

    id = AutoField()
    name = BlobField(unique=True)


class Address(Model):
    """An envelope address; the null sender is the empty local part at the empty domain."""

    id = AutoField()
    domain = ForeignKeyField(Domain, index=False)
    local_part = BlobField()

    class Meta:
        indexes = ((("domain_id", "local_part"), True),)


class Message(Model):
    """One queue file.

    ``accepted_us`` and what goes with it are null until the line that tells them was seen.
    ``accepted_class``  the class that this line gave.  ``is_probe``  an attempt was a probe.
    ``link_class``      the class that links give.  ``inherited_class``  that of what it continues.
    ``traffic_class``   the union of these.  ``origin``  what it continues, by an ``origin_kind``.
    ``leads_on``        links lead from it.  ``spam_*``  the newest score and the key of its line.
    ``known_recipients``  delivery rows.  ``untried``  recipients without one, in ``untried_state``.
    """

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
        # Queue id first: traces and links look for it alone.
        indexes = (
            (("queue_id", "server_id", "instance", "first_us", "first_hash"), True),
            (("message_id",), False),
        )


class ReplyTemplate(Model):
    """A reply with what differs between messages replaced, and what it means; a cause of failure.

    ``relay_provider``, ``domain_provider``  who the relay and the recipient's domain stand for.
    ``sample``    the earliest such reply; the verdict is about it.
    ``rule_set``  digest of the rules that gave the verdict: what follows it.
    """

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
                ("template", "reply_code", "enhanced_status", "relay_provider", "domain_provider"),
                True,
            ),
        )


class Delivery(Model):
    """One recipient of one message, with the attempt that decides its state."""

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


class Attempt(Model):
    """One try for one recipient, as reported."""

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


class MessageEvent(Model):
    """A change of a whole message."""

    server = ForeignKeyField(Server, index=False)
    time_us = BigIntegerField()
    line_hash = BigIntegerField()
    message = ForeignKeyField(Message)
    change = IntegerField()

    class Meta:
        table_name = "message_event"
        primary_key = CompositeKey("server", "time_us", "line_hash")
        without_rowid = True


class MessageLink(Model):
    """A message that led to another; ``child`` is null until that is known, which may be never."""

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


class Quarantine(Model):
    """A record that could not be stored; the digest keeps a replay from storing it twice."""

    id = AutoField()
    server = ForeignKeyField(Server, index=False)
    digest = BlobField()
    stored_us = BigIntegerField()
    reason = TextField()
    record = BlobField()

    class Meta:
        indexes = ((("server_id", "digest"), True),)


TABLES: tuple[type[Model], ...] = (
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
)
