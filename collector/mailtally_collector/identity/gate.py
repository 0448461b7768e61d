"""Every call but a report passes here: its certificate must be good and give the right.

Limits    Reports are let through: ingest admits them itself, when it knows the name. Renewal asks
          for itself too, and passes like the health service, which agents may ask.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from mailtally_collector.identity.admission import Admission
from mailtally_collector.identity.certificate import peer_certificate
from mailtally_collector.refusal import StreamRefusedError

Handler = Any  # grpc's types of handlers have parameters for type checkers alone
Context = grpc.aio.ServicerContext[Any, Any]
# Of messages, an agent may trace its canaries alone: the service sees to it.
FOR_AGENTS = (
    "/grpc.health.v1.",
    "/mailtally.v1.RenewalService/",
    "/mailtally.v1.QueryService/TraceMessage",
)
REPORT = "/mailtally.v1.IngestService/Report"


class Gate(grpc.aio.ServerInterceptor):
    """Asks ``admission`` before the service sees a call."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handler of a call."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method == REPORT:
            return handler
        may_be_agent = method.startswith(FOR_AGENTS)

        async def check(context: Context) -> None:
            try:
                await self._admission.check_call(
                    peer_certificate(context.auth_context()), may_be_agent=may_be_agent
                )
            except StreamRefusedError as refusal:
                await context.abort(refusal.code, refusal.details)

        return _guarded(handler, check)


def _guarded(handler: Handler, check: Callable[[Context], Awaitable[None]]) -> Handler:
    """The same handler, with the check before it; requests may come one or many."""
    codec = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    behaviour = handler.unary_unary or handler.stream_unary
    if behaviour:

        async def answered(request: Any, context: Context) -> Any:
            await check(context)
            return await behaviour(request, context)

        one = handler.stream_unary is not None
        make = grpc.stream_unary_rpc_method_handler if one else grpc.unary_unary_rpc_method_handler
        return make(answered, **codec)
    streaming = handler.unary_stream or handler.stream_stream

    async def streamed(request: Any, context: Context) -> None:
        await check(context)
        answers = streaming(request, context)
        if hasattr(answers, "__aiter__"):
            async for answer in answers:
                await context.write(answer)
        else:
            await answers

    many = handler.stream_stream is not None
    make = grpc.stream_stream_rpc_method_handler if many else grpc.unary_stream_rpc_method_handler
    return make(streamed, **codec)
