"""What scenarios use to speak HTTPS from hosts without mecai, against a real server."""

import base64
import json
import subprocess
import sys
from pathlib import Path

from testbed.scenarios import tools
from tests.integration.played_vas import TLS, Vas, answering
from tests.patience import SECONDS
from tests.pki import Hierarchy


def speak(url: str, root: bytes, *bodies: bytes) -> "subprocess.CompletedProcess[str]":
    encoded = [base64.b64encode(body).decode() for body in bodies]
    told = json.dumps({"url": url, "root": root.decode(), "type": "application/json", "bodies": encoded})
    command = [sys.executable, "-c", tools.text("https")]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False, timeout=SECONDS)


def test_each_body_has_its_answer_refusals_too(tmp_path: Path) -> None:
    vas = Vas(tmp_path)
    try:
        vas.handle = answering(429, "application/problem+json", b'{"type": "tag:x:problem/too-many-requests"}')
        done = speak(f"{vas.server().url}/v1/reports", TLS.root.pem, b"one", b"two")
        assert json.loads(done.stdout) == [
            {"status": 429, "body": '{"type": "tag:x:problem/too-many-requests"}'} for _ in range(2)
        ]
        assert vas.requests == [("/v1/reports", b"one"), ("/v1/reports", b"two")]
        assert speak(vas.server().url, Hierarchy("another").root.pem, b"one").returncode == 1
    finally:
        vas.close()
