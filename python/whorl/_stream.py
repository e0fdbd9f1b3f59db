"""Iterating over a running request, with `for` or `async for`."""

from __future__ import annotations

import asyncio
import collections
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._whorl import GenerateResult, Generation, InferenceEngine, StreamEvent


def _samples(input: Any, options: dict[str, Any]) -> int:
    """How many will say that they have finished."""
    sampling = options.get("sampling") or getattr(input, "sampling", None)
    n = sampling.get("n", 1) if isinstance(sampling, dict) else getattr(sampling, "n", 1)
    return options.get("n", n)


class Stream:
    """Events of one request in their order; a context manager. Its end cancels the rest."""

    def __init__(self, engine: InferenceEngine, input: Any, options: dict[str, Any]) -> None:
        self._events: collections.deque[StreamEvent] = collections.deque()
        self._arrived = threading.Condition()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._results: list[GenerateResult] | None = None
        self._left = _samples(input, options)  # that have not finished, of the events taken
        self._generation: Generation = engine.submit(input, self._put, **options)

    def _put(self, event: StreamEvent) -> None:
        """On the engine's thread."""
        with self._arrived:
            self._events.append(event)
            self._arrived.notify_all()
            waiters, self._waiters = self._waiters, []
        for loop, waiter in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(waiter.set)

    def _ended(self) -> bool:
        """No further event will come. Raises what ended the request."""
        if self._events or (self._left > 0 and not self._generation.done()):
            return False
        if self._results is None:
            self._results = self._generation.wait()
        return not self._events

    def _take(self) -> StreamEvent:
        event = self._events.popleft()
        self._left -= event.finished
        return event

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> StreamEvent:
        try:
            with self._arrived:
                while not self._events:
                    if self._ended():
                        raise StopIteration
                    # A request that fails ends without an event: look again now and then.
                    self._arrived.wait(0.02)
                return self._take()
        except KeyboardInterrupt:
            self.close()
            raise

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> StreamEvent:
        loop = asyncio.get_running_loop()
        while True:
            waiter = asyncio.Event()
            with self._arrived:
                if self._events:
                    return self._take()
                if self._ended():
                    raise StopAsyncIteration
                self._waiters.append((loop, waiter))
            try:
                await asyncio.wait_for(waiter.wait(), 0.02)
            except TimeoutError:
                continue
            except asyncio.CancelledError:
                self.close()
                raise

    def result(self) -> list[GenerateResult]:
        """Waits for the end and returns the n results; events not yet taken are dropped."""
        if self._results is None:
            self._results = self._generation.wait()
        return self._results

    def close(self) -> None:
        """Cancels what is left."""
        self._generation.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
