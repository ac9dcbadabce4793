"""Prefetching: batches are made in threads while others are consumed."""

from __future__ import annotations

import operator
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

__all__ = ["Prefetcher", "prefetch"]


class _Shop:
    """What the threads and the consumer share; the threads know the consumer by nothing else.

    ``made`` holds finished items by number: ``(item, place after it, exception)``.  Numbers are
    given out under ``reading``, so the order is the source's whatever thread makes an item.
    """

    def __init__(
        self, source: Iterator[Any], size: int, transform: Callable[[Any], Any] | None
    ) -> None:
        self.source = source
        self.size = size
        self.transform = transform
        self.changed = threading.Condition()
        self.reading = threading.Lock()
        self.made: dict[int, tuple[Any, Any, BaseException | None]] = {}
        self.next_read = 0
        self.next_taken = 0
        self.end: int | None = None  # the number that no item has any more
        self.closed = False

    def close(self) -> None:
        """Tells the threads to end; safe in a finalizer, for it waits for none of them."""
        with self.changed:
            self.closed = True
            self.made.clear()
            self.changed.notify_all()

    def work(self) -> None:
        """What a thread does: read, transform, hand over, until the source or the shop closes."""
        while True:
            with self.reading:
                number = self._wait_for_room()
                if number is None:
                    return
                item, place, problem = self._read(number)
            if number == self.end:
                return
            if problem is None and self.transform is not None:
                try:
                    item = self.transform(item)
                except BaseException as error:  # the consumer's to judge
                    problem = error
            with self.changed:
                if self.closed:
                    return
                self.made[number] = (None if problem else item, place, problem)
                if problem is not None:
                    self._end_at(number + 1)
                self.changed.notify_all()
            del item, place, problem  # nothing waits in this frame while the thread does

    def _wait_for_room(self) -> int | None:
        """The number of the item to read; None if there is none to read any more."""
        with self.changed:
            self.changed.wait_for(
                lambda: (
                    self.closed
                    or self.end is not None
                    or self.next_read < self.next_taken + self.size
                )
            )
            if self.closed or self.end is not None:
                return None
            self.next_read += 1
            return self.next_read - 1

    def _read(self, number: int) -> tuple[Any, Any, BaseException | None]:
        """The next item and the place after it, or the problem that the source has with it."""
        try:
            item = next(self.source)
            state = getattr(self.source, "state", None)
            return item, state() if callable(state) else None, None
        except StopIteration:
            with self.changed:
                self._end_at(number)
                self.changed.notify_all()
            return None, None, None
        except BaseException as error:
            return None, None, error

    def _end_at(self, number: int) -> None:
        self.end = number if self.end is None else min(self.end, number)


class Prefetcher:
    """An iterator that is ahead of its consumer; made by :func:`prefetch`.

    Its threads end when the source is exhausted, at an exception, at :meth:`close` (or the end of a
    ``with`` block), and when nobody holds the iterator any more, as after ``break`` from a loop.
    """

    __slots__ = ("__weakref__", "_finalizer", "_make", "_place", "_shop", "_source", "_threads")

    def __init__(
        self,
        source: Iterator[Any],
        size: int,
        threads: int,
        transform: Callable[[Any], Any] | None,
    ) -> None:
        self._source = source
        self._make = (size, threads, transform)
        self._start()

    def _start(self) -> None:
        size, threads, transform = self._make
        state = getattr(self._source, "state", None)
        self._place = state() if callable(state) else None
        self._shop = _Shop(self._source, size, transform)
        self._finalizer = weakref.finalize(self, self._shop.close)
        # Daemons: an interpreter that ends waits for no batch.
        self._threads = [
            threading.Thread(target=self._shop.work, name=f"prefetch-{i}", daemon=True)
            for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        shop = self._shop
        with shop.changed:
            number = shop.next_taken
            shop.changed.wait_for(
                lambda: (
                    shop.closed
                    or number in shop.made
                    or (shop.end is not None and number >= shop.end)
                )
            )
            if number not in shop.made:
                raise StopIteration
            item, place, problem = shop.made.pop(number)
            shop.next_taken += 1
            shop.changed.notify_all()
        if problem is not None:
            self.close()
            try:
                raise problem  # with the traceback of the thread
            finally:
                del problem
        self._place = place
        return item

    def state(self) -> Any:
        """The source's place after the last item that was *consumed*, not after those ahead.

        Raises:
            TypeError: the source has no ``state()``.
        """
        if not callable(getattr(self._source, "state", None)):
            raise TypeError(_no_state("state", self._source))
        return self._place

    def restore(self, state: Any) -> None:
        """Go to a place that :meth:`state` gave; what was made ahead is dropped.

        Raises:
            TypeError: the source has no ``restore(state)``.
            TreeError: the source's, if the place is not one of its own.
        """
        restore = getattr(self._source, "restore", None)
        if not callable(restore):
            raise TypeError(_no_state("restore", self._source))
        self.close()
        restore(state)
        self._start()

    def close(self) -> None:
        """End the threads and wait until they have; further items are not given out.

        A thread that is making an item finishes it first.
        """
        self._finalizer()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def prefetch(
    source: Iterable[Any],
    size: int = 2,
    *,
    threads: int = 1,
    transform: Callable[[Any], Any] | None = None,
) -> Prefetcher:
    """Makes items ahead of their consumer, in threads, and gives them out in the source's order.

    Args:
        source: iterable, e.g. a ``loader`` or ``batches``; it is read by one thread at a time.
        size: how many items may be made or in the making ahead of the consumer.
        threads: how many threads; more than one helps where ``transform`` takes long.
        transform: function of an item that the threads apply, e.g. reading files or augmentation.

    Returns:
        Prefetcher: an iterator and a context manager.  An exception of the source or of
        ``transform`` is raised in its turn, with its traceback.  If the source has ``state()`` and
        ``restore(state)``, so has it, and the state is that of the items consumed.

    Raises:
        ValueError: ``size`` or ``threads`` is not positive.

    >>> with prefetch(range(4), transform=lambda n: n * n) as squares:
    ...     list(squares)
    [0, 1, 4, 9]
    """
    name = "data.prefetch"
    for what, value in (("size", size), ("threads", threads)):
        if operator.index(value) < 1:
            raise ValueError(
                f"{name}: expected {what} >= 1; got {value}. Remedy: leave {what} out."
            )
    if transform is not None and not callable(transform):
        raise TypeError(
            f"{name}: expected a function of an item as transform; got "
            f"{type(transform).__name__}. Remedy: transform=lambda batch: ..."
        )
    try:
        iterator = iter(source)
    except TypeError:
        raise TypeError(
            f"{name}: expected an iterable as source; got {type(source).__name__}. "
            "Remedy: pass data.loader(...), data.batches(...) or a generator."
        ) from None
    return Prefetcher(iterator, size, threads, transform)


def _no_state(method: str, source: Any) -> str:
    return (
        f"data.Prefetcher.{method}: expected a source with state() and restore(state); got "
        f"{type(source).__name__}. Remedy: prefetch a data.loader(...)."
    )
