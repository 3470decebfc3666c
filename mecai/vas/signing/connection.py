"""The way from a server to the signer that has its key: one connection of each process, kept open."""

import socket
import threading
from pathlib import Path
from typing import Final

from cryptography import x509

from mecai.errors import HostError, Malformed
from mecai.protocol.pki.identity import hash_of
from mecai.service.deadline import Deadline
from mecai.vas.signing.wire import Answer, Purpose, Question, receive, send

PATIENCE: Final = 5.0  # seconds for one answer, that of a signer which is just being started anew included


class Connection:
    """Asks the signer at a socket for signatures with the key of `certificate`; for any number of threads.

    A connection that ended, as the signer was started anew, is opened again within one question: a signature that is
    made twice harms nobody.
    """

    def __init__(self, path: Path, certificate: x509.Certificate, patience: float = PATIENCE) -> None:
        self._path = path
        self._certificate = hash_of(certificate)
        self._patience = patience
        self._lock = threading.Lock()
        self._open: socket.socket | None = None

    def __del__(self) -> None:
        """Close what is open."""
        self._close()

    def sign(self, purpose: Purpose, content: bytes) -> bytes:
        """Return the signature over the DER content of a kind; raises `HostError`."""
        return self._ask(Question(purpose, self._certificate, content))

    def require_ready(self) -> None:
        """Raise `HostError` unless the signer answers, and has the key."""
        self._ask(Question(Purpose.READY, self._certificate))

    def _ask(self, question: Question) -> bytes:
        deadline = Deadline(self._patience)
        if not self._lock.acquire(timeout=deadline.left()):
            raise HostError(f"signer: {self._path}: is busy for more than {self._patience:g} s")
        try:
            answer = self._answer(question.encode(), deadline)
        except (OSError, Malformed) as error:
            self._close()
            why = error.detail if isinstance(error, Malformed) else error.strerror or str(error)
            raise HostError(f"signer: {self._path}: does not answer ({why}); see that mecai-vas-signer runs") from error
        finally:
            self._lock.release()
        if answer.refusal:
            raise HostError(f"signer: {self._path}: refuses: {answer.refusal}")
        return answer.signature

    def _answer(self, body: bytes, deadline: Deadline) -> Answer:
        if self._open is not None:
            try:
                return _exchange(self._open, body, deadline)
            except ConnectionError:
                self._close()
        self._open = _connected(self._path, deadline)
        return _exchange(self._open, body, deadline)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _connected(path: Path, deadline: Deadline) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(deadline.require())
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _exchange(connection: socket.socket, body: bytes, deadline: Deadline) -> Answer:
    send(connection, body, deadline)
    return Answer.decode(receive(connection, deadline))
