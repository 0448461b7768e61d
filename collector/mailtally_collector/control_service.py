"""ControlService: how agents collect, and collecting now.

Rights    Changes are for admins, updates for support too; "local" may do both (people/callers.py).
Errors    As of QueryService (refusals.py); a field that cannot be what was asked for is named.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from mailtally.v1 import control_pb2, control_pb2_grpc
from mailtally_collector.collect_stream import collect
from mailtally_collector.control_changes import Change, Clearing
from mailtally_collector.control_codec import (
    encode_collecting,
    encode_entry,
    encode_server_settings,
)
from mailtally_collector.control_means import Checked, ControlMeans
from mailtally_collector.people.callers import STAFF, Callers
from mailtally_collector.query.audit import list_audit
from mailtally_collector.query.settings import SettingsList, list_settings
from mailtally_collector.query_answers import bounded
from mailtally_collector.refusals import REFUSED, guarded, refuse
from mailtally_collector.web.viewer import Role

STREAMS_MAX = 16
AUDIT_DEFAULT, AUDIT_MAX = 50, 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class ControlService(control_pb2_grpc.ControlServiceServicer):
    """Answers, and changes what is asked for."""

    def __init__(self, means: ControlMeans, callers: Callers) -> None:
        self._means = means
        self._callers = callers
        self._stopping = asyncio.Event()
        self._open = 0

    def stop(self) -> None:
        """End the streams; agents go on."""
        self._stopping.set()

    async def GetSettings(  # noqa: N802 - gRPC names it
        self, request: control_pb2.GetSettingsRequest, context: Context
    ) -> control_pb2.GetSettingsResponse:
        """What holds for the fleet and for servers."""
        await self._callers.of(context, *STAFF)
        listed = await guarded(context, self._means.read(list_settings, tuple(request.servers)))
        return control_pb2.GetSettingsResponse(
            fleet=encode_collecting(listed.fleet),
            servers=map(encode_server_settings, listed.servers),
        )

    async def UpdateSettings(  # noqa: N802
        self, request: control_pb2.UpdateSettingsRequest, context: Context
    ) -> control_pb2.UpdateSettingsResponse:
        """Change what holds."""
        viewer = await self._callers.of(context, Role.ADMIN)
        enabled = request.enabled if request.HasField("enabled") else None
        seconds = request.interval_seconds if request.HasField("interval_seconds") else None
        servers = tuple(request.servers)
        change = Change(servers, enabled, seconds, self._means.clock(), viewer.name)
        listed = await guarded(context, self._changed(change, servers))
        return control_pb2.UpdateSettingsResponse(
            fleet=encode_collecting(listed.fleet),
            servers=map(encode_server_settings, listed.servers if servers else ()),
        )

    async def ClearSettings(  # noqa: N802
        self, request: control_pb2.ClearSettingsRequest, context: Context
    ) -> control_pb2.ClearSettingsResponse:
        """Let the fleet's settings hold for servers."""
        viewer = await self._callers.of(context, Role.ADMIN)
        servers = tuple(request.servers)
        clearing = Clearing(servers, self._means.clock(), viewer.name)
        listed = await guarded(context, self._changed(clearing, servers))
        return control_pb2.ClearSettingsResponse(
            servers=map(encode_server_settings, listed.servers)
        )

    async def CollectNow(  # noqa: N802
        self, request: control_pb2.CollectNowRequest, context: Context
    ) -> AsyncIterator[control_pb2.CollectNowResponse]:
        """Have logs read up to now, and tell how far that is."""
        viewer = await self._callers.of(context, *STAFF)
        if self._open >= STREAMS_MAX:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{STREAMS_MAX} updates are under way, which is the most; try again later",
            )
        self._open += 1
        try:
            async for part in collect(self._means, request, viewer.name, self._stopping):
                yield part
        except REFUSED as error:
            await refuse(context, error)
        finally:
            self._open -= 1
        if self._stopping.is_set():
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, "the collector stops; the agents go on"
            )

    async def ListAudit(  # noqa: N802
        self, request: control_pb2.ListAuditRequest, context: Context
    ) -> control_pb2.ListAuditResponse:
        """Who changed or asked for what."""
        await self._callers.of(context, Role.ADMIN)

        async def listed() -> control_pb2.ListAuditResponse:
            limit = bounded("limit", request.limit, AUDIT_DEFAULT, AUDIT_MAX)
            entries, following = await self._means.read(list_audit, limit, request.page_token)
            return control_pb2.ListAuditResponse(
                entries=map(encode_entry, entries), next_page_token=following
            )

        return await guarded(context, listed())

    async def _changed(self, what: Checked[None], servers: tuple[str, ...]) -> SettingsList:
        """Make a change, and say what holds then."""
        await self._means.change(what)
        return await self._means.read(list_settings, servers)
