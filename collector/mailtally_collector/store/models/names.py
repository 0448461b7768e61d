"""What many rows share, stored once: names, hosts, ways of delivery, replies."""
# ruff: noqa: D106 — peewee's Meta

from peewee import AutoField, BigIntegerField, BlobField, IntegerField, Model, TextField


class Provider(Model):
    """Who receives mail for many domains, by its name in the rules; ids begin at 1, 0 is nobody."""

    id = AutoField()
    name = TextField(unique=True)


class Domain(Model):
    """The part of an address after its last @, ASCII letters in lower case; empty for none.

    ``provider_id``  who is known to receive its mail, by the rules of when it was first seen.
    """

    id = AutoField()
    name = BlobField(unique=True)
    provider_id = IntegerField()


class Address(Model):
    """An envelope address; the null sender is the empty local part at the empty domain."""

    id = AutoField()
    domain_id = IntegerField()
    local_part = BlobField()

    class Meta:
        indexes = ((("domain_id", "local_part"), True),)


class Relay(Model):
    """Where an attempt led; port 0 and empty texts for what was not told.

    ``provider_id``  whose host it is, by the rules of when it was first seen.
    """

    id = AutoField()
    host = BlobField()
    address = TextField()
    port = BigIntegerField()
    provider_id = IntegerField()

    class Meta:
        indexes = ((("host", "address", "port"), True),)


class Client(Model):
    """Who handed in a message; ``submit_uid`` -1 when it did not come from a local user."""

    id = AutoField()
    name = TextField()
    address = TextField()
    sasl_method = TextField()
    sasl_username = BlobField()
    submit_uid = BigIntegerField()

    class Meta:
        indexes = ((("name", "address", "sasl_method", "sasl_username", "submit_uid"), True),)


class Transport(Model):
    """How an attempt was made: Postfix's words for agent, status, phase and encryption."""

    id = AutoField()
    delivery_agent = TextField()
    status = TextField()
    reply_phase = TextField()
    tls_policy = TextField()
    tls_trust = TextField()
    tls_protocol = TextField()
    tls_cipher = TextField()

    class Meta:
        indexes = (
            (
                (
                    "delivery_agent",
                    "status",
                    "reply_phase",
                    "tls_policy",
                    "tls_trust",
                    "tls_protocol",
                    "tls_cipher",
                ),
                True,
            ),
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
