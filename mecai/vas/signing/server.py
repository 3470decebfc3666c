"""The signer: it answers the users that it was told, one question at a time on each connection, and nobody else."""

import errno
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NoReturn

from mecai.errors import HostError, InputError, Malformed
from mecai.service.deadline import Deadline
from mecai.vas.signing.keyring import Keyring
from mecai.vas.signing.rules import Rules
from mecai.vas.signing.wire import Answer, Purpose, Question, receive, send

CONNECTIONS: Final = 16  # at once: a server has one for each of its processes, two while it is reloaded
PATIENCE: Final = 2.0  # seconds in which a question that has begun must be there, and an answer be taken
# accept(2): who came has gone, or there is no descriptor or no memory left.
_PASSING: Final = {errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE: Final = 0.1  # seconds after which it is tried again to let somebody in
_CREDENTIALS: Final = struct.Struct("3i")  # process, user, group: unix(7), struct ucred

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signer:
    """The signer; `users` says for whom, by the user's number, it does what."""

    keyring: Keyring
    rules: Rules
    users: Mapping[int, Collection[Purpose]]
    clock: Callable[[], datetime]
    patience: float = PATIENCE
    _slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(CONNECTIONS))

    def serve(self, door: socket.socket) -> NoReturn:
        """Answer whoever comes, for ever."""
        while True:
            try:
                connection, _ = door.accept()
            except OSError as error:
                if error.errno not in _PASSING:
                    raise
                LOG.warning("nobody let in: %s", error)
                time.sleep(_PAUSE)  # what was short a moment ago still is
                continue
            if not self._slots.acquire(blocking=False):
                LOG.warning("refused", extra={"cause": f"more than {CONNECTIONS} connections"})
                connection.close()
                continue
            try:
                threading.Thread(target=self._meet, args=(connection,), daemon=True).start()
            except RuntimeError as error:  # no memory, or no task, for one more
                LOG.warning("refused", extra={"cause": str(error)})
                connection.close()
                self._slots.release()

    def _meet(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._talk(connection)
        except OSError as error:
            LOG.info("a connection ended: %s", error)
        finally:
            self._slots.release()

    def _talk(self, connection: socket.socket) -> None:
        """Answer until the other side goes, or says what is no question."""
        pid, user, _ = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        peer = {"user": user, "pid": pid}
        if user not in self.users:
            LOG.warning("refused", extra={**peer, "cause": "this user has nothing signed here"})
            return
        while _more(connection):
            deadline = Deadline(self.patience)
            try:
                question = Question.decode(receive(connection, deadline))
            except Malformed as error:
                LOG.warning("refused", extra={**peer, "cause": error.detail})
                send(connection, Answer(refusal=error.detail).encode(), deadline)
                return
            send(connection, self._answer(question, peer).encode(), Deadline(self.patience))

    def _answer(self, question: Question, peer: Mapping[str, int]) -> Answer:
        told = {**peer, "purpose": question.purpose.name.lower()}
        try:
            return self._signed(question, told)
        except (HostError, InputError, Malformed) as error:
            LOG.warning("refused", extra={**told, "cause": str(error)})
            return Answer(refusal=str(error))

    def _signed(self, question: Question, told: Mapping[str, Any]) -> Answer:
        credential = self.keyring.of(question.certificate)
        if question.purpose not in self.users.get(told["user"], ()):
            raise HostError(f"user {told['user']}: has no {told['purpose']} signed here")
        if question.purpose is Purpose.READY:
            return Answer()
        facts = self.rules.require(question.purpose, question.content, credential.certificate, self.clock())
        signature = credential.sign(question.purpose, question.content)
        LOG.info("signed", extra={**told, **facts})
        return Answer(signature)


def _more(connection: socket.socket) -> bool:
    """Wait, however long, until the other side says something; False where it goes instead."""
    connection.settimeout(None)
    return bool(connection.recv(1, socket.MSG_PEEK))
