"""Mail hosts, what was acknowledged to them, and what could not be stored."""
# ruff: noqa: D106 — peewee's Meta

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    IntegerField,
    Model,
    TextField,
)


class Server(Model):
    """A mail host that reported at least once.

    ``newest_line_us``  the newest line that is not ahead of our clock.
    ``oldest_line_us``  the oldest line that was read; 0 for none.
    ``stored_until_us`` the newest line of a stored record that is not ahead of our clock.
    ``newest_key_us``   the newest moment of any stored record: what is newer cannot be known yet.
    ``batches``         counts commits; who keeps rows in memory sees by it that others wrote.
    """

    id = AutoField()
    name = TextField(unique=True)
    agent_version = TextField()
    first_seen_us = BigIntegerField()
    last_seen_us = BigIntegerField()
    newest_line_us = BigIntegerField()
    oldest_line_us = BigIntegerField()
    stored_until_us = BigIntegerField()
    newest_key_us = BigIntegerField()
    batches = BigIntegerField()
    lines_read = BigIntegerField()
    lines_unparsed = BigIntegerField()
    lines_oversize = BigIntegerField()
    backlog_bytes = BigIntegerField()
    open_messages = BigIntegerField()
    gaps = BigIntegerField()
    records_stored = BigIntegerField()
    records_quarantined = BigIntegerField()


class Instance(Model):
    """One Postfix of a server, by the name under which it logs."""

    id = AutoField()
    server_id = IntegerField()
    name = TextField()

    class Meta:
        indexes = ((("server_id", "name"), True),)


class AckToken(Model):
    """An acknowledgement that was given; the newest 256 of each server and length are kept."""

    id = AutoField()
    server_id = IntegerField()
    token = BlobField()
    stored_us = BigIntegerField()

    class Meta:
        table_name = "ack_token"
        indexes = ((("server_id", "token"), True),)


class Allotment(Model):
    """The one counter from which ids of messages are taken, in blocks."""

    id = IntegerField(primary_key=True)
    next_number = BigIntegerField()


class Quarantine(Model):
    """A record that could not be stored; the digest keeps a replay from storing it twice."""

    id = AutoField()
    server_id = IntegerField()
    digest = BlobField()
    stored_us = BigIntegerField()
    reason = TextField()
    record = BlobField()

    class Meta:
        indexes = ((("server_id", "digest"), True),)


class Gap(Model):
    """Lines of a server's log that are missing, or may be; once for each place in the log.

    ``gap_hash``            names the place within the server; 64 bits, the upper half negative.
    ``from_us``, ``to_us``  the last line read before, and the first one behind; 0 for not known.
    ``begin_us``, ``end_us``  the hours that it touches are those from the one to the other.
    ``certain``             lines are missing for sure.  ``lost_lines``  0 for not known,
    -1 for a row that stands for several (store/gaps.py).
    """

    id = AutoField()
    server_id = IntegerField()
    gap_hash = BigIntegerField()
    from_us = BigIntegerField()
    to_us = BigIntegerField()
    begin_us = BigIntegerField()
    end_us = BigIntegerField()
    cause = IntegerField()
    certain = BooleanField()
    lost_lines = BigIntegerField()
    source = TextField()
    stored_us = BigIntegerField()

    class Meta:
        indexes = (
            (("server_id", "gap_hash"), True),
            (("end_us", "begin_us"), False),
            (("server_id", "begin_us"), False),
        )


class Unsettled(Model):
    """A stored batch whose links are still to be resolved against what others stored meanwhile.

    ``message_ids``  8 bytes each, big-endian.
    """

    id = BigAutoField()
    stored_us = BigIntegerField()
    message_ids = BlobField()
