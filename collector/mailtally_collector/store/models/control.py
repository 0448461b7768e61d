"""How agents are to collect, what they are told to do now, how they do, and who asked for it."""
# ruff: noqa: D106 — peewee's Meta

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    IntegerField,
    Model,
    TextField,
)


class Control(Model):
    """The one counter of changes of settings and of requests: collectors see by it that some came.

    Who changes something locks it, so that changes become visible in the order of its values.
    """

    id = IntegerField(primary_key=True)
    changes = BigIntegerField()


class Settings(Model):
    """How logs are collected, of the fleet (server_id 0) or of one server.

    ``interval_seconds``  0: continuously.
    ``revision``          the counter's value at the change.
    """

    server_id = IntegerField(primary_key=True)
    enabled = BooleanField()
    interval_seconds = IntegerField()
    revision = BigIntegerField()
    changed_us = BigIntegerField()
    changed_by = TextField()


class CollectionRequest(Model):
    """One server whose agent is to read its log up to now, and how far it is.

    ``id``        the counter's value: never used again, for agents tell requests apart by it.
    ``until_us``  nobody waits any longer than that.
    ``state``     as CollectState of the contract.
    """

    id = BigIntegerField(primary_key=True)
    server_id = IntegerField()
    requested_us = BigIntegerField()
    until_us = BigIntegerField()
    state = IntegerField()
    records = BigIntegerField()
    error = TextField()

    class Meta:
        table_name = "collection_request"
        indexes = ((("until_us",), False),)


class AgentReport(Model):
    """The agent that follows a server's log: its stream, and what it told last beside counters.

    ``stream``                   names the stream that began last, on whatever collector.
    ``connected_us``, ``left_us``  when that stream began and ended; left_us 0 while it is open.
    ``samples``, ``open_messages``, ``sources``  as agent_reports.py writes them.
    """

    server_id = IntegerField(primary_key=True)
    stream = BigIntegerField()
    connected_us = BigIntegerField()
    left_us = BigIntegerField()
    reported_us = BigIntegerField()
    clock_skew_us = BigIntegerField()
    oldest_line_us = BigIntegerField()
    settings_revision = BigIntegerField()
    next_collection_us = BigIntegerField()
    samples = BlobField()
    open_messages = BlobField()
    sources = BlobField()

    class Meta:
        table_name = "agent_report"


class Audit(Model):
    """What somebody changed or asked for."""

    id = BigAutoField()
    time_us = BigIntegerField(index=True)
    who = TextField()
    action = TextField()
    scope = TextField()
    detail = TextField()
