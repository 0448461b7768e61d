"""Create the tables of version 1.

A frozen copy of the models of that day: a migration must not change when the models do.
"""

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    Database,
    DoubleField,
    IntegerField,
    Model,
    SmallIntegerField,
    SqliteDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator  # type: ignore[import-untyped]

from mailtally_collector.store.dialect import sql_for

# Models cannot express partial indexes.
PARTIAL_INDEXES = (
    # Messages with recipients that were not tried yet, or never: a small part of all.
    "CREATE INDEX message_untried ON message (arrival_us) WHERE untried > 0",
    (
        "CREATE INDEX message_untried_domain ON message (sender_domain_id, arrival_us)"
        " WHERE untried > 0"
    ),
    # Most failures are bounced; the others are found among few.
    (
        "CREATE INDEX failure_not_bounced ON failure (state, last_try_us, message_id, number)"
        " WHERE state <> 3"
    ),
    # Messages that continue others, from the others.
    "CREATE INDEX message_origin ON message (origin_id) WHERE origin_id IS NOT NULL",
    "CREATE INDEX link_child ON message_link (child_id) WHERE child_id IS NOT NULL",
    (
        "CREATE INDEX delivery_original ON delivery (original_recipient_id)"
        " WHERE original_recipient_id IS NOT NULL"
    ),
)
# PostgreSQL cuts these by the time in the ids; what has no partition of its own is in the default.
PARTITIONED = ("message", "message_score", "message_event", "delivery", "attempt", "failure")


def up(_migrator: SchemaMigrator, db: Database) -> None:  # noqa: PLR0915 - one for each table
    """Create every table."""
    is_sqlite = isinstance(db, SqliteDatabase)

    def by_time(column: str) -> tuple[str, ...]:
        return () if is_sqlite else (f"PARTITION BY RANGE ({column})",)

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

    class Instance(Frozen):
        id = AutoField()
        server_id = IntegerField()
        name = TextField()

        class Meta:
            indexes = ((("server_id", "name"), True),)

    class AckToken(Frozen):
        id = AutoField()
        server_id = IntegerField()
        token = BlobField()
        stored_us = BigIntegerField()

        class Meta:
            table_name = "ack_token"
            indexes = ((("server_id", "token"), True),)

    class Allotment(Frozen):
        id = IntegerField(primary_key=True)
        next_number = BigIntegerField()

    class Quarantine(Frozen):
        id = AutoField()
        server_id = IntegerField()
        digest = BlobField()
        stored_us = BigIntegerField()
        reason = TextField()
        record = BlobField()

        class Meta:
            indexes = ((("server_id", "digest"), True),)

    class Gap(Frozen):
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

    class Unsettled(Frozen):
        id = BigAutoField()
        stored_us = BigIntegerField()
        message_ids = BlobField()

    class Provider(Frozen):
        id = AutoField()
        name = TextField(unique=True)

    class Domain(Frozen):
        id = AutoField()
        name = BlobField(unique=True)
        provider_id = IntegerField()

    class Address(Frozen):
        id = AutoField()
        domain_id = IntegerField()
        local_part = BlobField()

        class Meta:
            indexes = ((("domain_id", "local_part"), True),)

    class Relay(Frozen):
        id = AutoField()
        host = BlobField()
        address = TextField()
        port = BigIntegerField()
        provider_id = IntegerField()

        class Meta:
            indexes = ((("host", "address", "port"), True),)

    class Client(Frozen):
        id = AutoField()
        name = TextField()
        address = TextField()
        sasl_method = TextField()
        sasl_username = BlobField()
        submit_uid = BigIntegerField()

        class Meta:
            indexes = ((("name", "address", "sasl_method", "sasl_username", "submit_uid"), True),)

    class Transport(Frozen):
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

    class Message(Frozen):
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
            table_settings = by_time("id")

    class MessageScore(Frozen):
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
            table_settings = by_time("message_id")

    class MessageEvent(Frozen):
        message_id = BigIntegerField()
        server_id = IntegerField()
        time_us = BigIntegerField()
        line_hash = IntegerField()
        change = IntegerField()

        class Meta:
            table_name = "message_event"
            primary_key = CompositeKey("message_id", "time_us", "line_hash")
            without_rowid = is_sqlite
            table_settings = by_time("message_id")

    class MessageLink(Frozen):
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
            without_rowid = is_sqlite

    class Delivery(Frozen):
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
            without_rowid = is_sqlite
            table_settings = by_time("message_id")

    class Attempt(Frozen):
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
            without_rowid = is_sqlite
            table_settings = by_time("message_id")

    class Failure(Frozen):
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
            without_rowid = is_sqlite
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
            table_settings = by_time("message_id")

    class TrafficHour(Frozen):
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
            without_rowid = is_sqlite

    class DomainHour(Frozen):
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
            without_rowid = is_sqlite

    class ReasonHour(Frozen):
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
            without_rowid = is_sqlite

    class ProviderHour(Frozen):
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
            primary_key = CompositeKey(
                "hour", "server_id", "traffic_class", "outcomes", "provider_id"
            )
            without_rowid = is_sqlite

    class DomainReasonDay(Frozen):
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
            without_rowid = is_sqlite

    class DomainProviderDay(Frozen):
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
            without_rowid = is_sqlite

    class MailboxDay(Frozen):
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
            without_rowid = is_sqlite

    class Job(Frozen):
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

    class Retention(Frozen):
        id = IntegerField(primary_key=True)
        rows_us = BigIntegerField()
        rollups_us = BigIntegerField()
        deletions = BigIntegerField()
        sweeping = BooleanField()

    class Horizon(Frozen):
        server_id = IntegerField(primary_key=True)
        rows_us = BigIntegerField()
        refused = BigIntegerField()

    class NameUse(Frozen):
        name_table = TextField()
        name_id = IntegerField()

        class Meta:
            table_name = "name_use"
            primary_key = CompositeKey("name_table", "name_id")
            without_rowid = is_sqlite

    class StaleServer(Frozen):
        server_id = IntegerField(primary_key=True)
        since_us = BigIntegerField()
        reason = TextField()

        class Meta:
            table_name = "stale_server"

    class Control(Frozen):
        id = IntegerField(primary_key=True)
        changes = BigIntegerField()

    class Settings(Frozen):
        server_id = IntegerField(primary_key=True)
        enabled = BooleanField()
        interval_seconds = IntegerField()
        revision = BigIntegerField()
        changed_us = BigIntegerField()
        changed_by = TextField()

    class CollectionRequest(Frozen):
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

    class AgentReport(Frozen):
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

    class Audit(Frozen):
        id = BigAutoField()
        time_us = BigIntegerField(index=True)
        who = TextField()
        action = TextField()
        scope = TextField()
        detail = TextField()

    class Invitation(Frozen):
        id = AutoField()
        secret_hash = BlobField(unique=True)
        server = TextField()
        created_us = BigIntegerField()
        expires_us = BigIntegerField()
        used_us = BigIntegerField()

    class AgentCertificate(Frozen):
        id = AutoField()
        fingerprint = BlobField(unique=True)
        server = TextField(index=True)
        issued_us = BigIntegerField()
        not_after_us = BigIntegerField()
        revoked_us = BigIntegerField()

        class Meta:
            table_name = "agent_certificate"

    class FormerName(Frozen):
        name = TextField(primary_key=True)
        server = TextField()

        class Meta:
            table_name = "former_name"

    class Person(Frozen):
        id = AutoField()
        name = TextField(unique=True)
        role = TextField()
        domains = TextField()
        password = TextField()
        zone = TextField()
        disabled_us = BigIntegerField()
        created_us = BigIntegerField()
        changed_us = BigIntegerField()

    class SetupLink(Frozen):
        id = AutoField()
        secret_hash = BlobField(unique=True)
        person_id = IntegerField()
        expires_us = BigIntegerField()

        class Meta:
            table_name = "setup_link"

    class WebSession(Frozen):
        id = AutoField()
        key_hash = BlobField(unique=True)
        person_id = IntegerField(index=True)
        created_us = BigIntegerField()
        seen_us = BigIntegerField()
        expires_us = BigIntegerField()

        class Meta:
            table_name = "web_session"

    class ApiToken(Frozen):
        id = AutoField()
        key = TextField(unique=True)
        secret_hash = BlobField()
        person_id = IntegerField(index=True)
        name = TextField()
        role = TextField()
        domains = TextField()
        created_us = BigIntegerField()
        expires_us = BigIntegerField()
        used_us = BigIntegerField()

        class Meta:
            table_name = "api_token"

    db.create_tables(
        [
            Server,
            Instance,
            AckToken,
            Allotment,
            Quarantine,
            Gap,
            Unsettled,
            Provider,
            Domain,
            Address,
            Relay,
            Client,
            Transport,
            ReplyTemplate,
            Message,
            MessageScore,
            MessageEvent,
            MessageLink,
            Delivery,
            Attempt,
            Failure,
            TrafficHour,
            DomainHour,
            ReasonHour,
            ProviderHour,
            DomainReasonDay,
            DomainProviderDay,
            MailboxDay,
            Job,
            Retention,
            Horizon,
            NameUse,
            StaleServer,
            Control,
            Settings,
            CollectionRequest,
            AgentReport,
            Audit,
            Invitation,
            AgentCertificate,
            FormerName,
            Person,
            SetupLink,
            WebSession,
            ApiToken,
        ]
    )
    sql = sql_for(db)
    for table in () if is_sqlite else PARTITIONED:
        sql.run(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    for statement in PARTIAL_INDEXES:
        sql.run(statement)
    sql.run("INSERT INTO allotment (id, next_number) VALUES (1, 0)")
    sql.run(
        "INSERT INTO retention (id, rows_us, rollups_us, deletions, sweeping)"
        " VALUES (1, 0, 0, 0, ?)",
        (False,),
    )
