"""What periodic jobs note for one another, for every collector and for queries."""
# ruff: noqa: D106 — peewee's Meta

from peewee import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)


class Job(Model):
    """A job by the clock; one row says to all collectors who runs it and when it is due.

    ``owner``, ``until_us``, ``running_us``  who runs it, how long others believe so, since when.
    ``started_us``, ``ended_us``, ``result``  the last run that ended.
    ``error``, ``error_us``  the last failure, "" for none; a run that succeeds leaves it there.
    """

    name = TextField(primary_key=True)
    next_us = BigIntegerField()
    owner = TextField()
    until_us = BigIntegerField()
    running_us = BigIntegerField()
    started_us = BigIntegerField()
    ended_us = BigIntegerField()
    result = TextField()
    error = TextField()
    error_us = BigIntegerField()
    runs = BigIntegerField()
    failures = BigIntegerField()


class Retention(Model):
    """What retention did, in one row.

    ``rows_us``     no row of a message that arrived before has to be there any more.
    ``rollups_us``  the same for roll-ups.
    ``deletions``   counts its commits: who keeps rows in memory sees by it that some are gone.
    ``sweeping``    names are being swept: what batches use is to be noted in name_use.
    """

    id = IntegerField(primary_key=True)
    rows_us = BigIntegerField()
    rollups_us = BigIntegerField()
    deletions = BigIntegerField()
    sweeping = BooleanField()


class Horizon(Model):
    """How far back records of a server are taken, and how many were too old for that."""

    server_id = IntegerField(primary_key=True)
    rows_us = BigIntegerField()
    refused = BigIntegerField()


class NameUse(Model):
    """A name that was used while names are swept."""

    name_table = TextField()
    name_id = IntegerField()

    class Meta:
        table_name = "name_use"
        primary_key = CompositeKey("name_table", "name_id")
        without_rowid = True


class StaleServer(Model):
    """A mail host that is silent or lags, since when it was found so, and in what way."""

    server_id = IntegerField(primary_key=True)
    since_us = BigIntegerField()
    reason = TextField()

    class Meta:
        table_name = "stale_server"
