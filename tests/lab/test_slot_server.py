"""A site's next certificate goes live with its vouchers, and a backup of another CA is at hand: nobody is refused."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import pytest

from testbed.machine.waiting import until
from tests.lab.conftest import Machine, chosen
from tests.lab.verdicts import asked

SECONDS: Final = 90  # authorities are asked for the next one, and nginx is reloaded
SLOT: Final = "/etc/mecai/tls/site"
NEXT, BACKUP = 853, 993  # where they are shown before they are live
TURN: Final = "systemctl start mecai-slot-site"  # what the timer does
FAILOVER: Final = "systemctl start mecai-failover-site"
# What an ACME client does: a new key, with a request for it.
REQUEST: Final = (
    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /run/new.pem -subj /CN={} 2>/dev/null"
)
ISSUE: Final = (
    "echo %s | runuser -u mecai-ca -- mecai ca issue --config /etc/mecai/ca.toml --profile server --days 90 --dns {}"
    " --csr - --out -"
)
# The request too, which Ansible keeps beside the key.
LAY: Final = (
    "echo %s >/etc/ssl/certs/{0}.pem && echo %s >/etc/ssl/private/{0}.pem.csr"
    " && mv /run/new.pem /etc/ssl/private/{0}.pem"
)
# Come without a pause, and demand vouchers, until a file says that it is over; each leaves a line: whose certificate it
# was shown, or why it did not go on.
VISIT: Final = """
import hashlib, os, socket, sys, time
from mecai.client import VoucherContext
site, folder = sys.argv[1:]
context = VoucherContext.from_config()
lines = open(folder + "/visits", "a", buffering=1)
while not os.path.exists(folder + "/over"):
    try:
        with context.wrap_socket(socket.create_connection((site, 443), 20), server_hostname=site) as sock:
            line = hashlib.sha256(sock.getpeercert(binary_form=True)).hexdigest()
    except OSError as error:
        line = "failed: " + str(error).replace(chr(10), " ")
    lines.write(line + chr(10))
    time.sleep(0.05)  # the lab's hosts share a machine
"""


@pytest.fixture
def visitor(slot_server: Machine) -> Iterator[Machine]:
    """Let a client be there; afterwards the slot is turned by the timer again."""
    yield chosen("client")[0]
    slot_server.run(f"rm -f {SLOT}.held")


@pytest.mark.lab_only("a certificate is renewed")
def test_the_next_certificate_goes_live_with_its_vouchers_while_visitors_come(
    slot_server: Machine, visitor: Machine
) -> None:
    site, before = slot_server.told.site, _shown(slot_server)
    with _visits(visitor, site) as visits:
        until(lambda: before in visits(), SECONDS, lambda: "nobody comes")
        _renew(slot_server)
        slot_server.run(TURN)
        after = _shown(slot_server, NEXT)
        assert after != before
        until(lambda: slot_server.run(TURN) + _shown(slot_server) == after, SECONDS, lambda: "it does not go live")
        until(lambda: after in visits(), SECONDS, lambda: "nobody is shown the new one")
    assert set(visits()) == {before, after}


@pytest.mark.lab_only("the CA of a site is left for another one")
def test_the_backup_of_another_ca_takes_its_place_while_visitors_come(slot_server: Machine, visitor: Machine) -> None:
    site, before = slot_server.told.site, _shown(slot_server)
    slot_server.run(TURN)
    backup = _shown(slot_server, BACKUP)
    ready = f"{site}:{BACKUP}"
    until(lambda: asked(visitor, ready)["verdict"] == "accepted", SECONDS, lambda: "the backup has no vouchers")
    with _visits(visitor, site) as visits:
        until(lambda: before in visits(), SECONDS, lambda: "nobody comes")
        for shown in (backup, before):  # there, and back
            slot_server.run(FAILOVER)
            until(lambda: _shown(slot_server) == shown, SECONDS, lambda: "nginx shows what it showed")  # noqa: B023
            until(lambda: visits()[-1] == shown, SECONDS, lambda: "nobody is shown it")  # noqa: B023
    assert set(visits()) == {before, backup}


def test_its_keys_are_roots_alone_and_the_sidecar_reads_the_chains(slot_server: Machine) -> None:
    kept = slot_server.run(f"find {SLOT}/ -name '*.pem' -type f -printf '%f %m %u\n'").splitlines()
    assert set(kept) == {"fullchain.pem 644 root", "privkey.pem 600 root"}
    for link in ("live", "next", "backup"):
        slot_server.run(f"runuser -u mecai-sidecar -- head -c 1 {SLOT}/{link}/fullchain.pem")


def _renew(server: Machine) -> None:
    """Have its CA certify a new key, and lay both where the role looks for them."""
    site = server.told.site
    [authority] = [found for found in chosen("authority") if found.name == server.told.issuer]
    request = server.run(REQUEST.format(site))
    server.run(LAY.format(site), authority.run(ISSUE.format(site), request), request)


def _shown(server: Machine, port: int = 443) -> str:
    """Return the SHA-256 of the certificate that is shown, as OpenSSL sees it."""
    site = server.told.site
    show = f"openssl s_client -connect localhost:{port} -servername {site} </dev/null 2>/dev/null"
    return server.run(f"{show} | openssl x509 -outform DER | sha256sum | cut -c -64").strip()


@contextmanager
def _visits(client: Machine, site: str) -> Iterator[Callable[[], list[str]]]:
    folder = client.run("mktemp --directory").strip()
    client.run(f"touch {folder}/visits")
    kept: list[str] = []

    def visits() -> list[str]:
        return kept or client.run(f"cat {folder}/visits").splitlines()

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(client.run, f"/opt/mecai/venv/bin/python -c %s {site} {folder}", VISIT)
        try:
            yield visits
        finally:
            client.run(f"touch {folder}/over")
            coming.result(SECONDS)
    kept[:] = visits()
    client.run(f"rm -r {folder}")
