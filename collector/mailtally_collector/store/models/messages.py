"""Messages, their recipients, and the tries for each; all rows of a message carry its id.

PostgreSQL  cuts these tables into partitions by the time in the ids, but for message_link.
"""
# ruff: noqa: D106 — peewee's Meta

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)


class Message(Model):
    """One queue file.

    ``accepted_us`` and what goes with it are null until the line that tells them was seen.
    ``accepted_class``  the class that this line gave.  ``is_probe``  an attempt was a probe.
    ``link_class``      the class that links give.  ``inherited_class``  that of what it continues.
    ``traffic_class``   the union of these.  ``origin_id``  what it continues, by ``origin_kind``.
    ``leads_on``        links lead from it.  ``message_id_key``  finds its Message-ID, by day.
    ``completed_*``     the newest line that says so; other changes are in message_event.
    ``known_recipients``  delivery rows.  ``untried``  recipients without one, in ``untried_state``.
    """

    id = BigIntegerField(primary_key=True)
    server_id = IntegerField()
    instance_id = IntegerField()
    queue_id = TextField(index=True)
    first_us = BigIntegerField()
    first_hash = BigIntegerField()
    origin_seen = BooleanField()
    arrival_us = BigIntegerField(index=True)
    origin_id = BigIntegerField(null=True)
    origin_kind = IntegerField()
    sender_domain_id = IntegerField(null=True)
    message_id_key = BigIntegerField(null=True, index=True)
    sender_id = IntegerField(null=True)
    message_id = BlobField()
    accepted_us = BigIntegerField(null=True)
    accepted_hash = BigIntegerField(null=True)
    size_bytes = BigIntegerField()
    recipient_count = BigIntegerField()
    known_recipients = IntegerField()
    client_id = IntegerField(null=True)
    accepted_class = IntegerField()
    is_probe = BooleanField()
    link_class = IntegerField()
    inherited_class = IntegerField()
    traffic_class = IntegerField()
    leads_on = BooleanField()
    completed_us = BigIntegerField(null=True)
    completed_hash = BigIntegerField(null=True)
    ended_us = BigIntegerField(null=True)
    end_change = IntegerField()
    held = BooleanField()
    untried = BigIntegerField()
    untried_state = IntegerField()

    class Meta:
        indexes = ((("sender_domain_id", "arrival_us"), False),)


class MessageScore(Model):
    """What a spam filter thought of a message: the newest line that tells it."""

    message_id = BigIntegerField(primary_key=True)
    server_id = IntegerField()
    time_us = BigIntegerField()
    line_hash = BigIntegerField()
    scanner = TextField()
    score = DoubleField(null=True)
    required = DoubleField(null=True)
    verdict = TextField()

    class Meta:
        table_name = "message_score"


class MessageEvent(Model):
    """A change of a whole message."""

    message_id = BigIntegerField()
    server_id = IntegerField()
    time_us = BigIntegerField()
    line_hash = BigIntegerField()
    change = IntegerField()

    class Meta:
        table_name = "message_event"
        primary_key = CompositeKey("message_id", "time_us", "line_hash")
        without_rowid = True


class MessageLink(Model):
    """A message that led to another; ``child_id`` is null until that is known, maybe for ever.

    ``server_id``  the parent's.
    """

    parent_id = BigIntegerField()
    server_id = IntegerField()
    time_us = BigIntegerField()
    line_hash = BigIntegerField()
    kind = IntegerField()
    child_queue_id = TextField(index=True)
    child_id = BigIntegerField(null=True)

    class Meta:
        table_name = "message_link"
        primary_key = CompositeKey("parent_id", "time_us", "line_hash")
        without_rowid = True


class Delivery(Model):
    """One recipient of one message; ``number`` tells the recipients of a message apart.

    ``provider_id``  who received it: by its relay, else by the recipient's domain; 0 for a failure,
    whose reply tells more (reply_template).
    ``first_try_us``, ``deciding_us``  null when they equal ``last_try_us``, as they mostly do.
    ``told_direction`` and what follows  the attempt that decides, when it succeeded; null when it
    did not: then it is in attempt, as all that do not decide.
    """

    message_id = BigIntegerField()
    number = IntegerField()
    server_id = IntegerField()
    recipient_id = IntegerField(index=True)
    original_recipient_id = IntegerField(null=True)
    recipient_domain_id = IntegerField()
    provider_id = IntegerField()
    state = IntegerField()
    direction = IntegerField()
    attempts = IntegerField()
    first_try_us = BigIntegerField(null=True)
    last_try_us = BigIntegerField()
    deciding_us = BigIntegerField(null=True)
    deciding_hash = BigIntegerField()
    outcome = IntegerField()
    reply_code = BigIntegerField()
    enhanced_status = TextField()
    reply_template_id = IntegerField(null=True)
    told_direction = IntegerField(null=True)
    relay_id = IntegerField(null=True)
    transport_id = IntegerField(null=True)
    reply_text = BlobField(null=True)
    reply_truncated = BooleanField(null=True)
    connection_use = BigIntegerField(null=True)
    delay_us = BigIntegerField(null=True)
    queue_delay_us = BigIntegerField(null=True)
    active_delay_us = BigIntegerField(null=True)
    setup_delay_us = BigIntegerField(null=True)
    transmission_delay_us = BigIntegerField(null=True)
    recipient_ambiguous = BooleanField(null=True)

    class Meta:
        primary_key = CompositeKey("message_id", "number")
        without_rowid = True


class Attempt(Model):
    """One try for one recipient, as reported; not the success that decides (see Delivery)."""

    message_id = BigIntegerField()
    number = IntegerField()
    time_us = BigIntegerField()
    line_hash = BigIntegerField()
    server_id = IntegerField()
    outcome = IntegerField()
    reply_code = BigIntegerField()
    enhanced_status = TextField()
    told_direction = IntegerField()
    relay_id = IntegerField()
    transport_id = IntegerField()
    reply_text = BlobField()
    reply_truncated = BooleanField()
    connection_use = BigIntegerField()
    delay_us = BigIntegerField()
    queue_delay_us = BigIntegerField()
    active_delay_us = BigIntegerField()
    setup_delay_us = BigIntegerField()
    transmission_delay_us = BigIntegerField()
    recipient_ambiguous = BooleanField()

    class Meta:
        primary_key = CompositeKey("message_id", "number", "time_us", "line_hash")
        without_rowid = True


class Failure(Model):
    """A delivery that is not delivered, with what lists of failures select and sort by.

    Follows from the rows of message and delivery; written with them.
    """

    message_id = BigIntegerField()
    number = IntegerField()
    server_id = IntegerField()
    sender_id = IntegerField(null=True)
    sender_domain_id = IntegerField(null=True)
    recipient_domain_id = IntegerField()
    reply_template_id = IntegerField(null=True)
    state = IntegerField()
    direction = IntegerField()
    traffic_class = IntegerField()
    arrival_us = BigIntegerField()
    last_try_us = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message_id", "number")
        without_rowid = True
        indexes = (
            (("last_try_us", "message_id", "number"), False),
            (("server_id", "last_try_us", "message_id", "number"), False),
            (("sender_domain_id", "last_try_us", "message_id", "number"), False),
            (("sender_id", "last_try_us", "message_id", "number"), False),
            (("recipient_domain_id", "last_try_us", "message_id", "number"), False),
            (("reply_template_id", "last_try_us", "message_id", "number"), False),
            (("arrival_us",), False),
            (("sender_domain_id", "arrival_us"), False),
        )
