"""Two VASs, told by curl, and what gets from one to the other: reports and incident notices (docs/spec F1 to F8)."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mecai.protocol.objects.entries import encode_certificate
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import hash_of, spki_hash
from tests.integration.told_vass import ALDER, BIRCH, CEDAR, SITE, Running, publish, start
from tests.integration.vouching import NOW

REPORT = Report(SITE.chain, bytes([1, 1, 1, 1]), 443, NOW, Verdict.REFUSED, "no-voucher", "it looked odd")


@pytest.fixture
def vass(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """Run the VASs of birch and of cedar."""
    with ExitStack() as stack:
        running = []
        for ca in (BIRCH, CEDAR):
            home = tmp_path / ca.name
            home.mkdir()
            running.append(Running(ca, home, stack.enter_context(socket.create_server(("127.0.0.1", 0)))))
        publish(tmp_path, running)
        for each in running:
            start(stack, each, tmp_path)
        yield running[0], running[1]


def test_what_a_client_tells_one_va_the_other_knows(vass: tuple[Running, Running]) -> None:
    birch, cedar = vass
    told = json.dumps(REPORT.members() | {"text": REPORT.text})
    for _ in range(2):
        receipt = birch.curl("/v1/reports", "--json", told)
    assert receipt == {
        "certificate": hash_of(SITE.certificate).hex(),
        "address": "1.1.1.1",
        "day": f"{NOW:%Y-%m-%d}",
    }
    assert birch.operate("work", "--once") == "2 messages taken from the outbox\n"  # one for all, one for cedar
    (seen,) = cedar.curl("/v1/reports")["reports"]
    (public,) = birch.curl("/v1/reports")["reports"]
    assert seen == public | {"received": seen["received"]}
    assert (seen["reason"], seen["chain"]) == ("no-voucher", [encode_certificate(each) for each in SITE.chain])
    (kept,) = json.loads(cedar.operate("reports", "--format", "json"))
    assert (kept["reporter"], kept["text"], kept["authority"]) == (
        None,
        None,
        spki_hash(BIRCH.root.certificate)[:8].hex(),
    )
    assert cedar.operate("work", "--once") == "0 messages taken from the outbox\n"  # it goes no further


def test_a_notice_of_one_va_becomes_the_others_refusal(vass: tuple[Running, Running]) -> None:
    birch, cedar = vass
    key_of_alder = spki_hash(ALDER.root.certificate).hex()
    name = (
        birch.operate("incident", "send", "--ca", key_of_alder, "--reason", "its key was stolen").split()[1].rstrip(":")
    )
    birch.operate("work", "--once")
    assert json.loads(cedar.operate("distrust", "list", "--format", "json")) == []
    (notice,) = json.loads(cedar.operate("incident", "list", "--format", "json"))
    assert (notice["notice"], notice["subject"], notice["reason"]) == (name, key_of_alder, "its key was stolen")
    cedar.operate("distrust", "adopt", name)
    (refused,) = json.loads(cedar.operate("distrust", "list", "--format", "json"))
    assert (refused["spki"], refused["reason"]) == (key_of_alder, "its key was stolen")
    assert name in refused["by"]
