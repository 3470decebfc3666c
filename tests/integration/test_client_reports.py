"""A rogue server is refused, and two real VASs hear of it from the client itself, one of them only later."""

import json
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mecai.protocol.objects.entries import encode_certificate
from tests.integration.tls_server import TlsServer
from tests.integration.told_vass import BIRCH, CEDAR, SITE, Running, publish, start
from tests.integration.vouching import BIN
from tests.patience import SECONDS

POLICY = """
directory = "{home}/directory.der"
publishers = "{home}/publishers.pem"
state = "{home}/state"
allowed_networks = ["127.0.0.0/8"]
reporting = "{reporting}"
"""


def client(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `mecai client`, with no terminal."""
    command = [str(BIN / "mecai"), "client", *words, "--config", str(home / "client.toml")]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def visit(home: Path, reporting: str) -> subprocess.CompletedProcess[str]:
    """Go to a rogue server, for a page whose address is nobody else's matter."""
    (home / "client.toml").write_text(POLICY.format(home=home, reporting=reporting))
    with TlsServer([SITE]) as rogue:
        url = f"https://www.example.test:{rogue.port}/secret-path?token=7"
        return client(home, "get", url, "--resolve", f"www.example.test:{rogue.port}:127.0.0.1", "--format", "json")


def listed(home: Path) -> Any:
    """Read what the client's outbox has."""
    ran = client(home, "reports", "list", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_two_authorities_hear_of_a_refusal_though_one_is_down_at_first(tmp_path: Path) -> None:
    birch, cedar = (Running(ca, tmp_path / ca.name, socket.socket()) for ca in (BIRCH, CEDAR))
    with birch.door, cedar.door, ExitStack() as stack:
        for each in (birch, cedar):
            each.home.mkdir()
            each.door.bind(("127.0.0.1", 0))  # and does not listen: whoever connects is refused
        publish(tmp_path, (birch, cedar))
        birch.door.listen()
        start(stack, birch, tmp_path)

        refused = visit(tmp_path, "always")
        assert (refused.returncode, json.loads(refused.stdout)["reason"]) == (1, "no-voucher"), refused.stderr
        (seen,) = birch.curl("/v1/reports")["reports"]
        assert (seen["address"], seen["verdict"], seen["reason"]) == ("127.0.0.1", "refused", "no-voucher")
        assert seen["chain"] == [encode_certificate(each) for each in SITE.chain]
        assert "secret" not in json.dumps(seen)
        (kept,) = listed(tmp_path)
        states = {each["name"]: (each["said"] == "taken", each["due"] is None) for each in kept["deliveries"]}
        assert states == {"birch": (True, True), "cedar": (False, False)}

        cedar.door.listen()
        start(stack, cedar, tmp_path)
        sent = client(tmp_path, "reports", "send")
        assert (sent.returncode, sent.stdout) == (0, f"{kept['name']}  cedar  taken\n"), sent.stderr
        (told,) = json.loads(cedar.operate("reports", "--format", "json"))
        assert (told["reporter"], told["authority"], told["reason"]) == ("127.0.0.1", None, "no-voucher")
        assert client(tmp_path, "reports", "send").stdout == "nothing to send\n"
        assert len(birch.curl("/v1/reports")["reports"]) == 1


def test_nobody_is_told_what_nobody_was_asked_about(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0)
        both = tuple(Running(ca, tmp_path / ca.name, door) for ca in (BIRCH, CEDAR))
        publish(tmp_path, both)
        refused = visit(tmp_path, "ask")
        (kept,) = listed(tmp_path)
        assert refused.returncode == 1
        assert f"mecai client reports send {kept['name']}" in refused.stderr
        assert (kept["held"], {each["tries"] for each in kept["deliveries"]}) == (True, {0})
        assert client(tmp_path, "reports", "drop", kept["name"]).returncode == 0
        assert listed(tmp_path) == []
        assert client(tmp_path, "reports", "drop", kept["name"]).returncode == 2
        refused = visit(tmp_path, "never")
        assert (refused.returncode, refused.stderr, listed(tmp_path)) == (1, "", [])
        try:
            door.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("somebody was told")
