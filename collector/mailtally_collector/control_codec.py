"""Settings, progress and the audit onto the wire's types."""

from mailtally.v1 import control_pb2
from mailtally_collector.collecting import Collecting
from mailtally_collector.query.audit import Entry
from mailtally_collector.query.progress import Progress
from mailtally_collector.query.settings import ServerSettings
from mailtally_collector.query_codec import timestamp


def encode_collecting(settings: Collecting) -> control_pb2.CollectionSettings:
    """Settings of the fleet or of a server."""
    return control_pb2.CollectionSettings(
        enabled=settings.enabled,
        interval_seconds=settings.interval_seconds,
        revision=settings.revision,
        changed=timestamp(settings.changed_us),
        changed_by=settings.changed_by,
    )


def encode_server_settings(server: ServerSettings) -> control_pb2.ServerSettings:
    """What holds for a server."""
    return control_pb2.ServerSettings(
        server=server.server,
        settings=encode_collecting(server.settings),
        own=server.own,
        agent_revision=server.agent_revision,
    )


def encode_progress(progress: Progress) -> control_pb2.CollectProgress:
    """How far a server is."""
    return control_pb2.CollectProgress(
        server=progress.server,
        state=control_pb2.CollectState.ValueType(progress.state),
        records=progress.records,
        backlog_bytes=progress.backlog_bytes,
        error=progress.error,
    )


def encode_entry(entry: Entry) -> control_pb2.AuditEntry:
    """One entry of the audit."""
    return control_pb2.AuditEntry(
        time=timestamp(entry.time_us),
        who=entry.who,
        action=entry.action,
        scope=entry.scope,
        detail=entry.detail,
    )
