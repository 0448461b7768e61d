"""The port at which people ask by token: no call passes without one.

Why       The port for agents takes callers by their certificates, and one for queries may see
          everything; customers get none.
Limits    Whether the token is good the service finds out (callers.py), as at the other port.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from mailtally_collector.people.callers import HEADER

Handler = Any  # grpc's types of handlers have parameters for type checkers alone
Context = grpc.aio.ServicerContext[Any, Any]


class TokenGate(grpc.aio.ServerInterceptor):
    """Looks before the service sees a call."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Let through what brings a token."""
        if any(key == HEADER for key, _ in handler_call_details.invocation_metadata or ()):
            return await continuation(handler_call_details)
        return grpc.unary_unary_rpc_method_handler(_refuse)


async def _refuse(request: bytes, context: Context) -> None:
    del request
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "at this port a token is needed: --token-file FILE"
    )
