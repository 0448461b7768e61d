"""Strangers at the port for agents: what they do, and how an honest agent fares beside them.

Alone     ``python -m tests.faults.abuse ADDRESS STREAMS SOCKETS [IDENTITY]`` keeps so many streams
          half open, and so many sockets silent, until its standard input ends; what the collector
          ends is opened again. IDENTITY is the identity.json of an agent; without it, plaintext.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from mailtally.v1 import ingest_pb2
from tests.integration.collector.reports import story
from tests.integration.collector.wire import Agent

STREAMS_A_CONNECTION = 100
AGAIN_SECONDS = 0.5
# A gap, a record, a status part that is empty: two bytes each.
EMPTY_RECORD, EMPTY_GAP = b"\x12\x00", b"\x1a\x00"


def channel_to(address: str, identity: Path | None) -> grpc.aio.Channel:
    """Open a connection of its own, as this agent."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    if identity is None:
        return grpc.aio.insecure_channel(address, options=own)
    kept = json.loads(identity.read_text())
    parts = (kept["authority"], kept["key"], kept["certificate"])
    credentials = grpc.ssl_channel_credentials(*(part.encode() for part in parts))
    return grpc.aio.secure_channel(address, credentials, options=own)


async def keep_half_open(channel: grpc.aio.Channel) -> None:
    """Open a stream, say nothing on it, and open the next when it is ended."""
    while True:
        call = Agent(channel).call
        try:
            await call.wait_for_connection()
            await call.read()
        except grpc.aio.AioRpcError:
            await asyncio.sleep(AGAIN_SECONDS)


async def keep_silent(address: str) -> None:
    """Connect, say nothing, and connect again when it is ended."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            await reader.read()
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(AGAIN_SECONDS)


async def abuse(address: str, streams: int, sockets: int, identity: Path | None) -> None:
    """Do both until standard input ends."""
    channels = [channel_to(address, identity) for _ in range(0, streams, STREAMS_A_CONNECTION)]
    tasks = [
        asyncio.create_task(keep_half_open(channels[at // STREAMS_A_CONNECTION]))
        for at in range(streams)
    ]
    tasks += [asyncio.create_task(keep_silent(address)) for _ in range(sockets)]
    await asyncio.sleep(1)
    print("abusing", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


@contextmanager
def abused(
    address: str, streams: int, sockets: int, identity: Path | None = None
) -> Iterator[None]:
    """Let another process do it while the block runs."""
    command = [sys.executable, "-m", "tests.faults.abuse", address, str(streams), str(sockets)]
    process = subprocess.Popen(
        [*command, *([str(identity)] if identity else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"abusing\n"
        yield
    finally:
        process.kill()
        process.communicate()


async def acknowledged_ms(
    address: str, seconds: float, server: str, identity: Path | None = None
) -> list[float]:
    """Send a batch 25 times a second; how long each acknowledgement took, sorted."""
    waits = []
    async with channel_to(address, identity) as channel:
        agent = Agent(channel)
        await agent.hello(server)
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            await agent.store(story())
            waits.append(1_000 * (time.perf_counter() - began))
            await asyncio.sleep(0.04)
    return sorted(waits)


def p99(waits: list[float]) -> float:
    """The wait that one in a hundred exceeds."""
    return waits[min(len(waits) - 1, int(len(waits) * 0.99))]


def bombs(unpacked: int) -> dict[str, bytes]:
    """Messages of small size and large effect; the first is for a connection that compresses."""

    def batch(content: bytes) -> bytes:
        return b"\x12" + _varint(len(content)) + content

    nested = b""
    for _ in range(30_000):
        nested = b"\x12" + _varint(len(nested)) + nested
    return {
        "compressed": batch(b"\x12" + _varint(unpacked) + bytes(unpacked)),
        "2,000,000 empty records": batch(EMPTY_RECORD * 2_000_000),
        "520,000 empty records": batch(EMPTY_RECORD * 520_000),
        "520,000 empty gaps": batch(EMPTY_GAP * 520_000),
        "520,000 empty samples": b"\x1a" + _varint(1_040_000) + b"\x62\x00" * 520_000,
        "260,000 empty batches": EMPTY_RECORD * 260_000,
        "deeply nested": nested,
        "no message": b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    }


async def throw(
    address: str, name: str, bomb: bytes, server: str, identity: Path | None = None
) -> grpc.StatusCode:
    """Send a bomb after a good Hello; how the collector refuses it."""
    async with channel_to(address, identity) as channel:
        compression = grpc.Compression.Gzip if name == "compressed" else None
        report: Any = channel.stream_stream("/mailtally.v1.IngestService/Report")
        call = report(compression=compression)
        hello = ingest_pb2.Hello(server=server, protocol_min=1, protocol_max=1, old_logs=True)
        await call.write(ingest_pb2.ReportRequest(hello=hello).SerializeToString())
        await call.read()
        try:
            await call.write(bomb)
            await call.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        code: grpc.StatusCode = await call.code()
        return code


def memory_kib(pid: int, name: str) -> int:
    """VmRSS, or VmHWM since ``forget_peak``, of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def forget_peak(pid: int) -> None:
    """Let VmHWM begin again at what is used now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def established(port: int) -> int:
    """Connections that are open at a port of this host."""
    return sum(
        line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01"
        for file in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(file).read_text().splitlines()[1:]
    )


def silent_sockets(port: int, count: int) -> list[socket.socket]:
    """Connections that say nothing."""
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


if __name__ == "__main__":
    place, streams_given, sockets_given, *more = sys.argv[1:]
    asyncio.run(
        abuse(place, int(streams_given), int(sockets_given), Path(more[0]) if more else None)
    )
