"""Come to a site again and again, by two clients: a stock one, and `mecai client` as it is set; by any Python.

Told as its argument, in JSON: `name`, `folder`, `settings` (of the client, TOML). Writes a line in JSON for each visit
to FOLDER/visits: `client`, `began` (seconds since 1970), `seconds`, `outcome` (accepted, refused, or broken where the
handshake or the page failed), `reason`, `vouchers`.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 10  # for a visit
MORE_SECONDS = 20  # for the client's own start and end
PAUSE = 0.05  # seconds between two visits of one client: the lab's hosts share a machine
Visit = Callable[[], tuple[str, str, int]]
ACCEPTED, REFUSED, BROKEN = "accepted", "refused", "broken"
# What the client says of a handshake that did not come to its end.
_TRANSPORT = {"unreachable", "handshake-failed", "certificate-invalid"}


def stock(name: str) -> tuple[str, str, int]:
    """Visit as any program does that knows nothing of vouchers; returns outcome, reason and how many vouched."""
    try:
        with (
            socket.create_connection((name, 443), SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=name) as tls,
        ):
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            answer = tls.recv(512)
    except OSError as error:
        return BROKEN, f"{type(error).__name__}: {error}", 0
    return (ACCEPTED, "", 0) if answer.startswith(b"HTTP/1.1 ") else (BROKEN, "no page", 0)


def demanding(name: str, config: Path) -> tuple[str, str, int]:
    """Visit with the project's client; returns the same."""
    options = ["--config", str(config), "--format", "json", "--timeout", str(SECONDS)]
    command = ["mecai", "client", "get", *options, f"https://{name}/"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS + MORE_SECONDS)
        return judged(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return BROKEN, f"{type(error).__name__}: {error}", 0


def judged(answer: dict[str, Any]) -> tuple[str, str, int]:
    """Return what the client's document says of a visit."""
    reason = answer["reason"] or ""
    if reason in _TRANSPORT:
        return BROKEN, reason, 0
    if answer["verdict"] != ACCEPTED:
        return REFUSED, reason, 0
    return (ACCEPTED, "", len(answer["vouchers"])) if "page" in answer else (BROKEN, "no page", 0)


def line(client: str, visit: Visit) -> str:
    """Visit once; returns what is written of it."""
    began, start = time.time(), time.monotonic()
    outcome, reason, vouchers = visit()
    told = {"client": client, "began": began, "seconds": round(time.monotonic() - start, 3)}
    return json.dumps({**told, "outcome": outcome, "reason": reason, "vouchers": vouchers}) + "\n"


def _come(client: str, visit: Visit, into: Path) -> None:
    """Visit for ever; whoever takes the file away finds whole lines in it."""
    while True:
        told = line(client, visit).encode()
        written = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(written, told)
        os.close(written)
        time.sleep(PAUSE)  # a visitor comes now and then; without it he would be a flood


def _say_ready() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def main() -> None:
    """Come until the end."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    folder, name = Path(told["folder"]), told["name"]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config, visits = folder / "client.toml", folder / "visits"
    config.write_text(told["settings"], encoding="utf-8")
    for client, visit in (("stock", lambda: stock(name)), ("demanding", lambda: demanding(name, config))):
        threading.Thread(target=_come, args=(client, visit, visits), daemon=True).start()
    _say_ready()
    threading.Event().wait()


if __name__ == "__main__":
    main()
