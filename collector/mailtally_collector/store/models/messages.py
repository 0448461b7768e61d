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
    SmallIntegerField,
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
    first_us = BigIntegerField()
    arrival_us = BigIntegerField(index=True)
    origin_id = BigIntegerField(null=True)
    message_id_key = BigIntegerField(null=True, index=True)
    accepted_us = BigIntegerField(null=True)
    size_bytes = BigIntegerField()
    recipient_count = BigIntegerField()
    completed_us = BigIntegerField(null=True)
    ended_us = BigIntegerField(null=True)
    untried = BigIntegerField()
    server_id = IntegerField()
    instance_id = IntegerField()
    first_hash = IntegerField()
    sender_domain_id = IntegerField(null=True)
    sender_id = IntegerField(null=True)
    accepted_hash = IntegerField(null=True)
    known_recipients = IntegerField()
    client_id = IntegerField(null=True)
    completed_hash = IntegerField(null=True)
    origin_kind = SmallIntegerField()
    accepted_class = SmallIntegerField()
    link_class = SmallIntegerField()
    inherited_class = SmallIntegerField()
    traffic_class = SmallIntegerField()
    end_change = SmallIntegerField()
    untried_state = SmallIntegerField()
    origin_seen = BooleanField()
    is_probe = BooleanField()
    leads_on = BooleanField()
    held = BooleanField()
    queue_id = TextField(index=True)
    message_id = BlobField()

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
    line_hash = IntegerField()
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
    first_try_us = BigIntegerField(null=True)
    last_try_us = BigIntegerField()
    deciding_us = BigIntegerField(null=True)
    deciding_hash = BigIntegerField()
    reply_code = BigIntegerField()
    number = IntegerField()
    server_id = IntegerField()
    recipient_id = IntegerField(index=True)
    original_recipient_id = IntegerField(null=True)
    recipient_domain_id = IntegerField()
    provider_id = IntegerField()
    attempts = IntegerField()
    reply_template_id = IntegerField(null=True)
    relay_id = IntegerField(null=True)
    transport_id = IntegerField(null=True)
    state = SmallIntegerField()
    direction = SmallIntegerField()
    outcome = SmallIntegerField()
    told_direction = SmallIntegerField(null=True)
    enhanced_status = TextField()
    reply_text = BlobField(null=True)
    timing = BlobField(null=True)

    class Meta:
        primary_key = CompositeKey("message_id", "number")
        without_rowid = True


class Attempt(Model):
    """One try for one recipient, as reported; not the success that decides (see Delivery)."""

    message_id = BigIntegerField()
    time_us = BigIntegerField()
    line_hash = BigIntegerField()
    reply_code = BigIntegerField()
    number = IntegerField()
    server_id = IntegerField()
    relay_id = IntegerField()
    transport_id = IntegerField()
    outcome = SmallIntegerField()
    told_direction = SmallIntegerField()
    enhanced_status = TextField()
    reply_text = BlobField()
    timing = BlobField()

    class Meta:
        primary_key = CompositeKey("message_id", "number", "time_us", "line_hash")
        without_rowid = True


class Failure(Model):
    """A delivery that is not delivered, with what lists of failures select and sort by.

    Follows from the rows of message and delivery; written with them.
    """

    message_id = BigIntegerField()
    arrival_us = BigIntegerField()
    last_try_us = BigIntegerField()
    number = IntegerField()
    server_id = IntegerField()
    sender_id = IntegerField(null=True)
    sender_domain_id = IntegerField(null=True)
    recipient_domain_id = IntegerField()
    reply_template_id = IntegerField(null=True)
    state = SmallIntegerField()
    direction = SmallIntegerField()
    traffic_class = SmallIntegerField()

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
