"""The door of the proxy: takes connections on loopback, as many as it can serve, and sees each to its end."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from mecai.client.document import Document
from mecai.client.proxy.authority import LocalAuthority
from mecai.client.proxy.destination import HTTPS, read_destination
from mecai.client.proxy.head import Declined, Head, plain_answer, receive_head, say
from mecai.client.proxy.journal import Journal
from mecai.client.proxy.leaves import Leaves
from mecai.client.proxy.near import end_tls, show
from mecai.client.proxy.own import OwnPages
from mecai.client.proxy.owner import is_own
from mecai.client.proxy.refusal import refusal
from mecai.client.proxy.tunnel import abort, pass_on
from mecai.client.trust import Trust
from mecai.client.visit import Visit, visit
from mecai.errors import HostError

LOG: Final = logging.getLogger(__name__)
ADDRESS: Final = "127.0.0.1"  # and nothing else: whoever reaches the proxy lends this person's place in the network
CONNECTIONS: Final = 256  # at once: a browser opens 32 of them to a proxy
_MOST: Final = CONNECTIONS + 32  # those beyond hear why, so many at once; all others are hung up on
_BACKLOG: Final = 128
_PAUSE: Final = 0.2  # seconds before the next connection is taken where there was no descriptor for one
_ANSWER_SECONDS: Final = 5.0  # for a browser to take that its tunnel stands
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


def open_door(port: int) -> socket.socket:
    """Listen on loopback, at a free port for 0; raises `HostError`."""
    try:
        listener = socket.create_server((ADDRESS, port), backlog=_BACKLOG)
    except OSError as error:
        seen = os.strerror(error.errno or 0)  # Python adds what is said here already
        advice = "end what listens there (another proxy?), or name another by --port, 0 for a free one"
        raise HostError(f"{ADDRESS}, port {port}: cannot be listened at ({seen}); {advice}") from error
    listener.setblocking(False)
    return listener


@dataclass
class Door:
    """Serves one person's browser; for one event loop. `heard` is told each verdict."""

    listener: socket.socket
    trust: Trust
    authority: LocalAuthority
    ports: Collection[int] = (HTTPS,)
    heard: Callable[[Document], None] = lambda _document: None
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        self._leaves = Leaves(self.authority)
        self._own = OwnPages(self.listener.getsockname()[1], self.trust.mode, self.authority, self.journal)
        self._meetings: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Take connections until cancelled; then all end."""
        try:
            while True:
                await self._take()
        finally:
            for meeting in self._meetings:
                meeting.cancel()
            await asyncio.gather(*self._meetings, return_exceptions=True)

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            plain, _ = await loop.sock_accept(self.listener)
        except OSError as error:  # no descriptor is left, or the client has gone already
            LOG.warning("no connection was taken: %s", error)
            await asyncio.sleep(_PAUSE)
        else:
            if len(self._meetings) >= _MOST or not _is_ours(plain):
                plain.close()
                return
            meeting = loop.create_task(self._meet(plain))
            self._meetings.add(meeting)
            meeting.add_done_callback(self._meetings.discard)

    async def _meet(self, plain: socket.socket) -> None:
        """See one connection to its end: what a client or a server does wrong ends it and nothing else."""
        try:
            with suppress(OSError, EOFError):
                try:
                    await self._answer(plain)
                except Declined as declined:
                    await say(plain, plain_answer(declined))
        finally:
            plain.close()

    async def _answer(self, plain: socket.socket) -> None:
        plain.setblocking(False)
        if len(self._meetings) > CONNECTIONS:
            raise Declined(HTTPStatus.SERVICE_UNAVAILABLE, f"{CONNECTIONS} connections are open already")
        head = await receive_head(plain)
        if head is not None and head.method == "CONNECT":
            await self._lead(plain, head)
        elif head is not None:
            await say(plain, self._own.answer(head))

    async def _lead(self, plain: socket.socket, head: Head) -> None:
        """Meet the site; then let the browser have its tunnel, to the site or to the page that explains."""
        destination = read_destination(head.target, self.ports, self.authority)
        shown = self._leaves.context(destination.host)
        context = await self.trust.context()
        met = await visit(destination, context)
        with _aborted_unless_passed_on(met):
            self._note(met.document)
            async with asyncio.timeout(_ANSWER_SECONDS):
                await asyncio.get_running_loop().sock_sendall(plain, _ESTABLISHED)
            near = await end_tls(plain, shown)
        if met.streams:
            await pass_on(near, met.streams)
        else:
            await show(near, refusal(met, context.directory))

    def _note(self, document: Document) -> None:
        self.journal.note(document)
        with suppress(OSError):  # standard output has gone (`| head`): that is no matter of the browser's
            self.heard(document)


def _is_ours(plain: socket.socket) -> bool:
    """Tell whether a program of this user connects; who else does has no word, and takes no place."""
    try:
        return is_own(plain.getpeername(), plain.getsockname())
    except OSError:  # it has gone already
        return False


@contextmanager
def _aborted_unless_passed_on(met: Visit) -> Iterator[None]:
    """Leave no site waiting for a browser that has gone."""
    try:
        yield
    except BaseException:
        if met.streams:
            abort(met.streams[1])
        raise
