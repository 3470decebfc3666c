"""Speak HTTPS with a server that must chain to one root; runs on any host, by the system's Python.

Told on standard input, in JSON: `url`, `root` (PEM), `type` (of media), `bodies`, each in base64 and sent by POST, or
null for a GET. Prints what was answered to each, in JSON: `status`, `body`, as text.
"""

import base64
import json
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

SECONDS = 20


def _answer(url: str, context: ssl.SSLContext, kind: str, body: str | None) -> dict[str, Any]:
    sent = None if body is None else base64.b64decode(body)
    request = urllib.request.Request(url, sent, {"Content-Type": kind})  # noqa: S310 - the caller's own
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:  # noqa: S310
            return {"status": answer.status, "body": answer.read().decode(errors="replace")}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode()}


def main() -> None:
    """Ask, and print."""
    told = json.load(sys.stdin)
    context = ssl.create_default_context(cadata=told["root"])
    json.dump([_answer(told["url"], context, told["type"], body) for body in told["bodies"]], sys.stdout)


if __name__ == "__main__":
    main()
