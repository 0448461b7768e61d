"""Reading an answer that comes in parts, and not waiting for ever for the next one."""

import threading
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import grpc

Part = TypeVar("Part")
LOOK_SECONDS = 0.2


class SilenceError(Exception):
    """No part came for too long."""


def parts_of(call: Any, seconds: float) -> Iterator[Any]:
    """Give the parts of a call; the wait for each is at most so long, writing them not counted.

    Raises SilenceError, and grpc.RpcError as the call does. Leaves no call open behind it.
    """
    watch = _Watch(call, seconds)
    try:
        while True:
            watch.begin()
            try:
                part = next(call)
            except StopIteration:
                return
            except grpc.RpcError:
                if watch.has_ended_it:
                    raise SilenceError from None
                raise
            watch.rest()
            yield part
    finally:
        watch.end()
        call.cancel()


class _Watch:
    """A thread that cancels the call when a wait takes too long."""

    def __init__(self, call: Any, seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._until = float("inf")
        self._is_over = threading.Event()
        self.has_ended_it = False
        threading.Thread(target=self._look, name="silence", daemon=True).start()

    def begin(self) -> None:
        """A wait begins."""
        self._until = time.monotonic() + self._seconds

    def rest(self) -> None:
        """No wait is under way."""
        self._until = float("inf")

    def end(self) -> None:
        """The call is over."""
        self._is_over.set()

    def _look(self) -> None:
        while not self._is_over.wait(min(LOOK_SECONDS, self._seconds)):
            if time.monotonic() > self._until:
                self.has_ended_it = True
                self._call.cancel()
                return
