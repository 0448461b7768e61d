"""Roll-ups: recipients and messages of an hour or day (UTC) of acceptance: a month costs little.

Outcomes  A bit for each pair of direction and state (rollup.py). A row counts recipients when it
          has one bit, and messages whose recipients have just these outcomes.
Quarters  Figures that charts show are kept for the four quarters of the hour: every time zone in
          use begins its hours and days at one of them. What is only ever added up over a range is
          kept by day; the rest of a range that does not begin with a day is read from the rows.
"""
# ruff: noqa: D106 — peewee's Meta

from peewee import BigIntegerField, CompositeKey, IntegerField, Model


class TrafficHour(Model):
    """Of one server."""

    hour = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    recipients_00 = BigIntegerField()
    recipients_15 = BigIntegerField()
    recipients_30 = BigIntegerField()
    recipients_45 = BigIntegerField()
    messages_00 = BigIntegerField()
    messages_15 = BigIntegerField()
    messages_30 = BigIntegerField()
    messages_45 = BigIntegerField()

    class Meta:
        table_name = "traffic_hour"
        primary_key = CompositeKey("hour", "server_id", "traffic_class", "outcomes")
        without_rowid = True


class DomainHour(Model):
    """Of one domain of envelope senders on one server; domain 0 while the sender is not known."""

    sender_domain_id = IntegerField()
    hour = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    recipients_00 = IntegerField()
    recipients_15 = IntegerField()
    recipients_30 = IntegerField()
    recipients_45 = IntegerField()
    messages_00 = IntegerField()
    messages_15 = IntegerField()
    messages_30 = IntegerField()
    messages_45 = IntegerField()

    class Meta:
        table_name = "domain_hour"
        primary_key = CompositeKey(
            "sender_domain_id", "hour", "server_id", "traffic_class", "outcomes"
        )
        without_rowid = True


class ReasonHour(Model):
    """Recipients with one reply on one server; of those that are not delivered."""

    hour = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    reply_template_id = IntegerField()
    recipients_00 = BigIntegerField()
    recipients_15 = BigIntegerField()
    recipients_30 = BigIntegerField()
    recipients_45 = BigIntegerField()

    class Meta:
        table_name = "reason_hour"
        primary_key = CompositeKey(
            "hour", "server_id", "traffic_class", "outcomes", "reply_template_id"
        )
        without_rowid = True


class ProviderHour(Model):
    """Recipients at one provider on one server; of those without a reply that tells it."""

    hour = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    provider_id = IntegerField()
    recipients_00 = BigIntegerField()
    recipients_15 = BigIntegerField()
    recipients_30 = BigIntegerField()
    recipients_45 = BigIntegerField()

    class Meta:
        table_name = "provider_hour"
        primary_key = CompositeKey("hour", "server_id", "traffic_class", "outcomes", "provider_id")
        without_rowid = True


class DomainReasonDay(Model):
    """Recipients with one reply, by domain of envelope senders and day (UTC)."""

    sender_domain_id = IntegerField()
    day = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    reply_template_id = IntegerField()
    recipients = IntegerField()

    class Meta:
        table_name = "domain_reason_day"
        primary_key = CompositeKey(
            "sender_domain_id",
            "day",
            "server_id",
            "traffic_class",
            "outcomes",
            "reply_template_id",
        )
        without_rowid = True


class DomainProviderDay(Model):
    """Recipients at one provider, without a reply that tells it, by domain and day (UTC)."""

    sender_domain_id = IntegerField()
    day = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    provider_id = IntegerField()
    recipients = IntegerField()

    class Meta:
        table_name = "domain_provider_day"
        primary_key = CompositeKey(
            "sender_domain_id", "day", "server_id", "traffic_class", "outcomes", "provider_id"
        )
        without_rowid = True


class MailboxDay(Model):
    """Recipients and messages of one envelope sender, by day (UTC)."""

    sender_domain_id = IntegerField()
    day = IntegerField()
    sender_id = IntegerField()
    server_id = IntegerField()
    traffic_class = IntegerField()
    outcomes = BigIntegerField()
    recipients = IntegerField()
    messages = IntegerField()

    class Meta:
        table_name = "mailbox_day"
        primary_key = CompositeKey(
            "sender_domain_id", "day", "sender_id", "server_id", "traffic_class", "outcomes"
        )
        without_rowid = True
