"""`python -m tests.integration.faults.relay DESCRIPTOR FOLDER`: a mail relay (RFC 5321) behind an open door.

It keeps each message in a file of its own before it says that it has it, as a relay must (section 6.1).
"""

import os
import socket
import socketserver
import sys
import uuid
from pathlib import Path


class Conversation(socketserver.StreamRequestHandler):
    """One client's commands, one after the other."""

    folder: Path

    def handle(self) -> None:
        """Take what it brings."""
        self._say("220 relay.test")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"DATA":
                    self._say("354 go on")
                    self._take()
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 good")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return  # who breaks off has sent nothing
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        path = self.folder / f"{uuid.uuid4().hex}.new"
        with path.open("wb") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        path.rename(path.with_suffix(".eml"))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


def main(descriptor: str, folder: str) -> None:
    """Serve for ever."""
    handler = type("Handler", (Conversation,), {"folder": Path(folder)})
    with socketserver.ThreadingTCPServer(("", 0), handler, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = socket.socket(fileno=int(descriptor))
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
