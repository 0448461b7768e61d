"""A collector that answers queries from a table: a real gRPC peer for the command line."""

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from mailtally.v1 import control_pb2, control_pb2_grpc, query_pb2, query_pb2_grpc

EXPORT_PART = 250
Answer = TypeVar("Answer", bound=Message)


@dataclass(slots=True)
class Canned:
    """What the collector answers and what it was asked.

    ``status`` refuses every question; ``hold`` lets none be answered before it is set;
    ``breaks_after`` so many parts an export breaks off, once.
    """

    summary: query_pb2.SummaryResponse = field(default_factory=query_pb2.SummaryResponse)
    reasons: query_pb2.TopReasonsResponse = field(default_factory=query_pb2.TopReasonsResponse)
    events: list[query_pb2.Event] = field(default_factory=list)
    traced: query_pb2.TraceMessageResponse = field(default_factory=query_pb2.TraceMessageResponse)
    servers: query_pb2.ListServersResponse = field(default_factory=query_pb2.ListServersResponse)
    server: query_pb2.GetServerResponse = field(default_factory=query_pb2.GetServerResponse)
    unknown: query_pb2.ListUnknownRepliesResponse = field(
        default_factory=query_pb2.ListUnknownRepliesResponse
    )
    breakdown: query_pb2.BreakdownResponse = field(default_factory=query_pb2.BreakdownResponse)
    tailed: list[query_pb2.TailEventsResponse] = field(default_factory=list)
    breaks_after: int | None = None
    rules: query_pb2.GetRulesResponse = field(default_factory=query_pb2.GetRulesResponse)
    jobs: query_pb2.ListJobsResponse = field(default_factory=query_pb2.ListJobsResponse)
    gaps: query_pb2.ListGapsResponse = field(default_factory=query_pb2.ListGapsResponse)
    coverage: query_pb2.Coverage | None = None
    settings: control_pb2.GetSettingsResponse = field(
        default_factory=control_pb2.GetSettingsResponse
    )
    collected: list[control_pb2.CollectNowResponse] = field(default_factory=list)
    audit: control_pb2.ListAuditResponse = field(default_factory=control_pb2.ListAuditResponse)
    status: grpc.StatusCode | None = None
    details: str = ""
    hold: threading.Event | None = None
    asked: list[Message] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)
    address: str = ""


class CannedService(query_pb2_grpc.QueryServiceServicer):
    """Answers from a Canned; events page by position."""

    def __init__(self, canned: Canned) -> None:
        self._canned = canned

    def answer(
        self, request: Message, context: grpc.ServicerContext, answer: Callable[[], Answer]
    ) -> Answer:
        """Note the request, and answer as the Canned says."""
        canned = self._canned
        canned.asked.append(request)
        canned.was_asked.set()
        if canned.hold is not None:
            canned.hold.wait(30)
        if canned.status is not None:
            context.abort(canned.status, canned.details)
        return answer()

    def Summary(  # noqa: N802
        self, request: query_pb2.SummaryRequest, context: grpc.ServicerContext
    ) -> query_pb2.SummaryResponse:
        return self.answer(request, context, lambda: self._canned.summary)

    def TopReasons(  # noqa: N802
        self, request: query_pb2.TopReasonsRequest, context: grpc.ServicerContext
    ) -> query_pb2.TopReasonsResponse:
        return self.answer(request, context, lambda: self._canned.reasons)

    def ListEvents(  # noqa: N802
        self, request: query_pb2.ListEventsRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListEventsResponse:
        first = int(request.page_token or 0)
        last = first + request.page_size
        more = str(last) if last < len(self._canned.events) else ""
        page = query_pb2.ListEventsResponse(
            events=self._canned.events[first:last],
            next_page_token=more,
            coverage=None if first else self._canned.coverage,
        )
        return self.answer(request, context, lambda: page)

    def Breakdown(  # noqa: N802
        self, request: query_pb2.BreakdownRequest, context: grpc.ServicerContext
    ) -> query_pb2.BreakdownResponse:
        return self.answer(request, context, lambda: self._canned.breakdown)

    def TailEvents(  # noqa: N802
        self, request: query_pb2.TailEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[query_pb2.TailEventsResponse]:
        yield from self._answer_parts(request, context, self._canned.tailed)

    def ExportEvents(  # noqa: N802
        self, request: query_pb2.ExportEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[query_pb2.ExportEventsResponse]:
        events, first = self._canned.events, int(request.page_token or 0)
        parts = []
        for at in range(first, max(len(events), first + 1), EXPORT_PART):
            end = at + EXPORT_PART
            token = str(end) if end < len(events) else ""
            total = 0 if at else len(events)
            parts.append(
                query_pb2.ExportEventsResponse(
                    events=events[at:end],
                    next_page_token=token,
                    total=total,
                    coverage=None if at else self._canned.coverage,
                )
            )
        breaks_after, self._canned.breaks_after = self._canned.breaks_after, None
        yield from self._answer_parts(request, context, parts[:breaks_after])
        if breaks_after is not None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "broke off")

    def _answer_parts(
        self, request: Message, context: grpc.ServicerContext, parts: list[Answer]
    ) -> Iterator[Answer]:
        self.answer(request, context, lambda: request)
        yield from parts

    def TraceMessage(  # noqa: N802
        self, request: query_pb2.TraceMessageRequest, context: grpc.ServicerContext
    ) -> query_pb2.TraceMessageResponse:
        return self.answer(request, context, lambda: self._canned.traced)

    def ListServers(  # noqa: N802
        self, request: query_pb2.ListServersRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListServersResponse:
        return self.answer(request, context, lambda: self._canned.servers)

    def GetServer(  # noqa: N802
        self, request: query_pb2.GetServerRequest, context: grpc.ServicerContext
    ) -> query_pb2.GetServerResponse:
        return self.answer(request, context, lambda: self._canned.server)

    def ListUnknownReplies(  # noqa: N802
        self, request: query_pb2.ListUnknownRepliesRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListUnknownRepliesResponse:
        return self.answer(request, context, lambda: self._canned.unknown)

    def GetRules(  # noqa: N802
        self, request: query_pb2.GetRulesRequest, context: grpc.ServicerContext
    ) -> query_pb2.GetRulesResponse:
        return self.answer(request, context, lambda: self._canned.rules)

    def ListJobs(  # noqa: N802
        self, request: query_pb2.ListJobsRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListJobsResponse:
        return self.answer(request, context, lambda: self._canned.jobs)

    def ListGaps(  # noqa: N802
        self, request: query_pb2.ListGapsRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListGapsResponse:
        return self.answer(request, context, lambda: self._canned.gaps)


class CannedControl(control_pb2_grpc.ControlServiceServicer):
    """Answers from a Canned; what is changed is only noted."""

    def __init__(self, canned: Canned, query: CannedService) -> None:
        self._canned = canned
        self._query = query

    def GetSettings(  # noqa: N802
        self, request: control_pb2.GetSettingsRequest, context: grpc.ServicerContext
    ) -> control_pb2.GetSettingsResponse:
        return self._query.answer(request, context, lambda: self._canned.settings)

    def UpdateSettings(  # noqa: N802
        self, request: control_pb2.UpdateSettingsRequest, context: grpc.ServicerContext
    ) -> control_pb2.UpdateSettingsResponse:
        settings = self._canned.settings
        updated = control_pb2.UpdateSettingsResponse(fleet=settings.fleet, servers=settings.servers)
        return self._query.answer(request, context, lambda: updated)

    def ClearSettings(  # noqa: N802
        self, request: control_pb2.ClearSettingsRequest, context: grpc.ServicerContext
    ) -> control_pb2.ClearSettingsResponse:
        cleared = control_pb2.ClearSettingsResponse(servers=self._canned.settings.servers)
        return self._query.answer(request, context, lambda: cleared)

    def CollectNow(  # noqa: N802
        self, request: control_pb2.CollectNowRequest, context: grpc.ServicerContext
    ) -> Iterator[control_pb2.CollectNowResponse]:
        self._query.answer(request, context, lambda: request)
        yield from self._canned.collected

    def ListAudit(  # noqa: N802
        self, request: control_pb2.ListAuditRequest, context: grpc.ServicerContext
    ) -> control_pb2.ListAuditResponse:
        return self._query.answer(request, context, lambda: self._canned.audit)


@contextmanager
def serving(canned: Canned, credentials: grpc.ServerCredentials | None = None) -> Iterator[Canned]:
    """Serve on a free port of 127.0.0.1; ``canned.address`` says which."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    service = CannedService(canned)
    query_pb2_grpc.add_QueryServiceServicer_to_server(service, server)
    control_pb2_grpc.add_ControlServiceServicer_to_server(CannedControl(canned, service), server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    canned.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield canned
    finally:
        if canned.hold is not None:
            canned.hold.set()
        server.stop(grace=None).wait()
