"""The OpenAPI document is true of a real VAS: schemathesis finds no server error and no answer beyond it."""

import json
import os
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mecai.protocol.pki.identity import hash_of
from mecai.service.pem import load_certificates
from testbed.machine.waiting import until
from tests.integration.contract.bodies import Bodies
from tests.integration.contract.links import Content, Place, follow_links
from tests.integration.contract.material import DISPUTED, HIDDEN, HOME, OPEN, REVOKED, Material, report_key_line
from tests.integration.contract.material import SERVER as ADDRESS
from tests.integration.name_server import asking, name_server
from tests.integration.sites import serve_by_nginx
from tests.integration.vouching import BIN, PORT, SERVER, TLS, World, running

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "tests" / "integration" / "contract" / "schemathesis.toml"
DOCUMENT = ROOT / "mecai" / "vas" / "http" / "openapi.json"
DNS = f"{SERVER.rpartition('.')[0]}.5"
SHOWN = {"www": OPEN, "disputed": DISPUTED}
ZONE: dict[tuple[str, str], str] = {}
SECONDS = 600  # for each run, on a machine that is busy
HOLD = 20  # seconds: long enough that some requests are told to come back, and then do
# What must have come of some requests, or the bodies are not what they should be.
REACHED = {
    *(("vouchers", outcome) for outcome in ("vouched", "on-hold", "malformed", "untrusted", "revoked", "disputed")),
    *(("vouchers", outcome) for outcome in ("address-refused", "certificate-mismatch")),
    *(("complaints", outcome) for outcome in ("200", "malformed", "too-large", "unknown-certificate")),
    *(("report", outcome) for outcome in ("200", "malformed", "untrusted")),
    *(("feed", outcome) for outcome in ("200", "malformed")),
    *(("incident", outcome) for outcome in ("200", "malformed", "untrusted")),
    *(("expedite", outcome) for outcome in ("200", "malformed", "untrusted")),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Run a VAS that listens to everything, and what it asks."""
    settings = {"requests": 10**6, "vouchers": 10**6, "hold": HOLD}
    more = "expedite = true\nreports_per_day = 1000000"
    with name_server(DNS, ZONE), running(tmp_path, serve, under=asking(DNS, tmp_path), more=more, **settings) as world:
        yield world


def test_schemathesis_finds_no_answer_that_is_not_documented(world: World) -> None:
    good = Bodies(Material(world.home, SERVER)).good
    followed = follow_links(json.loads(DOCUMENT.read_text()), good, partial(ask, world))
    assert sorted(followed) == ["again", "feed", "later", "older"]
    schemathesis(world, "stateful")
    # However fast it was: what it asks for from here on is on hold no more.
    until(lambda: world.ask()[0] == 200, SECONDS, lambda: "the hold does not end")
    schemathesis(world, "examples,coverage,fuzzing")
    found = outcomes(world)
    found["vouchers", "vouched"] -= 1  # this test's own
    assert (+found).keys() >= REACHED


def ask(world: World, place: Place, content: Content) -> tuple[int, bytes]:
    """Ask the VAS; return the status and the body of its answer."""
    response, said = world.http(*place, *(content or ()))
    return response.status, said


def schemathesis(world: World, phases: str) -> None:
    """Let it run: it finds nothing."""
    (roots := world.home / "roots.pem").write_bytes(TLS.root.pem)
    verify = ("--tls-verify", roots, "--phases", phases)
    command = [BIN / "schemathesis", "--config-file", CONFIGURATION, "run", DOCUMENT, "--url", world.url, *verify]
    done = subprocess.run(
        [*map(str, command)],
        env=os.environ | {HOME: str(world.home), ADDRESS: SERVER, "PYTHONPATH": str(ROOT)},
        cwd=world.home,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4000:]


def outcomes(world: World) -> Counter[tuple[str, str]]:
    """Ask the server's metrics what came of how many requests, by route."""
    with urllib.request.urlopen(f"http://127.0.0.1:{world.metrics.getsockname()[1]}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    counted = [each for each in samples if each.name == "mecai_vas_request_seconds_count"]
    return Counter({(each.labels["route"], each.labels["outcome"]): int(each.value) for each in counted})


def serve(stack: ExitStack, world: World) -> None:
    """Certify what requests name; show two of the certificates, by name."""
    alder = world.alder
    with (alder.home / "ca.toml").open("a") as config:
        config.write(report_key_line())
    world.publish()
    for label in (DISPUTED, HIDDEN, REVOKED):
        alder.certify("server", f"{label}.example.test", label=label)
    alder.mecai("revoke", "--certificate", alder.home / f"{REVOKED}.pem")
    world.birch.certify("server", "www.example.test")
    disputed = hash_of(load_certificates(alder.home / f"{DISPUTED}.pem")[0]).hex()
    ZONE["_mecai-complaint.disputed.example.test", "TXT"] = f'"{disputed}"'
    shown = {f"{host}.example.test": alder.home / f"{label}.pem" for host, label in SHOWN.items()}
    serve_by_nginx(stack, world.home, shown, [SERVER], PORT)
