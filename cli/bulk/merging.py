"""The run of a merge file: several chunks on their way at once, settled in the order of the file.

A chunk is posted only when none that is on its way names an identifier of its own. So pairs that share an identifier
are merged in the order in which the file lists them, as they are within one batch, whatever else runs beside.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from cli.bulk.journal import Journal
from cli.bulk.outcomes import INVALID, Told, header, lines
from cli.bulk.pairs import Pair
from cli.bulk.posting import Chunk, Posted
from cli.bulk.source import Form

#: Chunks that may be settled or on their way before the first of them is written, for each that may be on its way.
WINDOW = 4

#: Settles a chunk: given it, the batch that it is known to be, and what to call once it is accepted.
Settle = Callable[[Chunk, str | None, Callable[[Posted], object]], list[Told]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A chunk could not be settled."""

    error: BaseException


@dataclass(kw_only=True)
class Slot:
    """A chunk from its posting until it is written."""

    chunk: Chunk
    batch_id: str | None = None
    told: list[Told] | None = None


Event = tuple[Slot, Posted | list[Told] | Failure]


class Merging:
    """Posts the chunks of a merge file and writes what became of them, *at_once* of them on their way.

    *settle* runs in threads of its own. *moved* is called with the lines settled and the counts whenever more of the
    file is settled, *replayed* when a batch turns out to have been accepted by another run.
    """

    def __init__(
        self,
        journal: Journal,
        form: Form,
        settle: Settle,
        *,
        at_once: int,
        moved: Callable[[int, Mapping[str, int]], object],
        replayed: Callable[[], object],
    ) -> None:
        self._journal = journal
        self._form = form
        self._settle = settle
        self._at_once = at_once
        self._moved = moved
        self._replayed = replayed
        self._known = dict(journal.state.on_way)
        self._last = journal.state.known_batch
        self._slots: deque[Slot] = deque()
        self._events: SimpleQueue[Event] = SimpleQueue()

    def run(self, chunks: Iterable[Chunk]) -> None:
        """Settle all *chunks*; raises what ended the first that could not be, with those before it settled."""
        if not self._journal.state.written:
            self._journal.write(header(self._form))
        for chunk in chunks:
            while not self._has_room(chunk):
                self._heed()
            self._start(chunk)
        while self._slots:
            self._heed()
        self._journal.save(finished=True, written=self._journal.write(b""))

    def _has_room(self, chunk: Chunk) -> bool:
        """Return whether *chunk* may be posted beside what is on its way."""
        on_way = [slot.chunk for slot in self._slots if slot.told is None]
        return (
            len(on_way) < self._at_once
            and len(self._slots) < self._at_once * WINDOW
            and all(chunk.shares.isdisjoint(other.shares) for other in on_way)
        )

    def _start(self, chunk: Chunk) -> None:
        """Put *chunk* on its way; one of which no pair can be sent is settled at once."""
        slot = Slot(chunk=chunk, batch_id=self._known.pop(str(chunk.line), None))
        self._slots.append(slot)
        if chunk.sent:
            # A daemon, so that an interrupted run ends at once; whatever it was doing is posted again, harmlessly.
            threading.Thread(target=self._work, args=(slot,), daemon=True).start()
        else:
            self._events.put((slot, []))

    def _work(self, slot: Slot) -> None:
        """Settle the chunk of *slot*, in a thread of its own."""
        try:
            told = self._settle(slot.chunk, slot.batch_id, lambda posted: self._events.put((slot, posted)))
        except BaseException as error:  # noqa: BLE001  handed over whole to the thread that waits for it
            self._events.put((slot, Failure(error)))
        else:
            self._events.put((slot, told))

    def _heed(self) -> None:
        """Wait until something happened, heed all that has, and save how things stand."""
        self._take(*self._events.get())
        while not self._events.empty():
            self._take(*self._events.get())
        self._write()

    def _take(self, slot: Slot, happened: Posted | list[Told] | Failure) -> None:
        """Note what *happened* to the chunk of *slot*."""
        match happened:
            case Failure(error):
                self._write()
                raise error
            case Posted():
                slot.batch_id = self._last = happened.batch_id
                if happened.replayed:
                    self._replayed()
            case list():
                slot.told = happened

    def _write(self) -> None:
        """Write the settled chunks at the head of the file, and save how things stand."""
        counts, end = dict(self._journal.state.counts), None
        while self._slots and self._slots[0].told is not None:
            slot = self._slots.popleft()
            rows = _rows(slot.chunk, slot.told or ())
            self._journal.write(lines(rows, self._form))
            for _, told in rows:
                counts[told.outcome] = counts.get(told.outcome, 0) + 1
            end = slot.chunk.end
        on_way = {str(slot.chunk.line): slot.batch_id for slot in self._slots if slot.batch_id}
        if end is None:
            self._journal.save(on_way=on_way | self._known, known_batch=self._last)
            return
        written = self._journal.write(b"")
        self._journal.save(
            on_way=on_way | self._known,
            known_batch=self._last,
            written=written,
            counts=counts,
            offset=end.offset,
            lines=end.lines,
        )
        self._moved(end.lines, counts)


def _rows(chunk: Chunk, told: Sequence[Told]) -> list[tuple[Pair, Told]]:
    """Return the pairs of *chunk* in their order, each with what became of it: *told* of those that were sent."""
    sent = iter(told)
    return [
        (pair, next(sent) if pair.fault is None else Told(outcome=INVALID, reason=pair.fault)) for pair in chunk.pairs
    ]
