"""A small agent: says Hello, sends batches, reads what comes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from mailtally.v1 import ingest_pb2, ingest_pb2_grpc, query_pb2, query_pb2_grpc
from mailtally.v1 import record_pb2 as pb


class Agent:
    """One stream to a collector."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub: Any = ingest_pb2_grpc.IngestServiceStub(channel)
        self.call: Any = stub.Report()
        self.sequence = 0
        # Settings and commands that came meanwhile.
        self.orders: list[ingest_pb2.ReportResponse] = []

    async def hello(
        self,
        server: str = "mx1",
        *,
        token: bytes = b"",
        protocols: tuple[int, int] = (1, 1),
        old_logs: bool = False,
    ) -> ingest_pb2.Welcome:
        """Introduce the agent; gives the Welcome."""
        hello = ingest_pb2.Hello(
            server=server,
            agent_version="0.1.0",
            protocol_min=protocols[0],
            protocol_max=protocols[1],
            last_token=token,
            old_logs=old_logs,
        )
        await self.call.write(ingest_pb2.ReportRequest(hello=hello))
        response: ingest_pb2.ReportResponse = await self.read()
        return response.welcome

    async def read(self) -> ingest_pb2.ReportResponse:
        """Read the next response that is no order; AioRpcError when the stream ended with one."""
        while (report := await self._read()).WhichOneof("kind") in {"settings", "command"}:
            self.orders.append(report)
        return report

    async def order(self) -> ingest_pb2.ReportResponse:
        """Give the next order, the oldest first."""
        if not self.orders:
            self.orders.append(await self._read())
        return self.orders.pop(0)

    async def _read(self) -> ingest_pb2.ReportResponse:
        response = await self.call.read()
        if response is grpc.aio.EOF:
            raise EOFError
        report: ingest_pb2.ReportResponse = response
        return report

    async def send(self, records: Sequence[pb.Record], gaps: Sequence[ingest_pb2.Gap] = ()) -> None:
        """Send one batch without waiting."""
        self.sequence += 1
        batch = ingest_pb2.Batch(sequence=self.sequence, records=records, gaps=gaps)
        try:
            await self.call.write(ingest_pb2.ReportRequest(batch=batch))
        except asyncio.InvalidStateError:
            await self.read()  # raises what it ended with

    async def store(
        self, records: Sequence[pb.Record], gaps: Sequence[ingest_pb2.Gap] = ()
    ) -> ingest_pb2.Acknowledgement:
        """Send one batch and wait for its acknowledgement."""
        await self.send(records, gaps)
        return (await self.read()).acknowledgement


@asynccontextmanager
async def agent_at(address: str) -> AsyncIterator[Agent]:
    """Open a channel with one stream."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield Agent(channel)


@asynccontextmanager
async def questions_to(address: str) -> AsyncIterator["query_pb2_grpc.QueryServiceAsyncStub"]:
    """Open a channel to the query service."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = query_pb2_grpc.QueryServiceStub(channel)
        yield stub


def whole_story() -> query_pb2.Filter:
    """Make a filter over the hour in which reports.story() plays."""
    asked = query_pb2.Filter()
    asked.start.FromMicroseconds(1_790_000_000_000_000 - 1)
    asked.end.FromMicroseconds(1_790_003_600_000_000)
    return asked
