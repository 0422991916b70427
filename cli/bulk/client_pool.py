"""Clients for requests that run at the same time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import LifoQueue
from threading import Event

from cli.client import Client

#: Lends a client for a block.
LendClient = Callable[[], AbstractContextManager[Client]]


@contextmanager
def open_clients(number: int, new_client: Callable[[Event], Client]) -> Iterator[LendClient]:
    """Yield a function that lends one of *number* clients, and waits while all are lent.

    *new_client* gets the event that ends the waits of its client. At the end the clients that are not lent are closed.
    """
    stop = Event()
    clients: LifoQueue[Client] = LifoQueue()
    for _ in range(number):
        clients.put(new_client(stop))

    @contextmanager
    def lend() -> Iterator[Client]:
        client = clients.get()
        try:
            yield client
        finally:
            clients.put(client)

    try:
        yield lend
    finally:
        stop.set()
        # A client that is in use belongs to a daemon thread, which ends with the process.
        while not clients.empty():
            clients.get().close()
