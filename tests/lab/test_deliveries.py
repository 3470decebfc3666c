"""A site that begins no connection staples vouchers all the same: another host fetches them, and brings them by SSH."""

import json
from typing import Final

from testbed.machine.waiting import until
from tests.lab.conftest import Machine, chosen, issuers, others

SETTINGS: Final = "/etc/mecai/deliveries.toml"
STAPLES: Final = "/var/lib/mecai-deliveries/staples"
SECONDS: Final = 60  # nginx looks for what is new every few seconds (voucher_refresh)
# A host of Debian's has nftables, which does nothing until it is enabled.
STOP: Final = "systemctl stop nftables; ! systemctl is-failed --quiet nftables || systemctl reset-failed nftables"
BREAK: Final = "echo broken >/etc/nftables.conf; ! systemctl restart nftables"
# Runs on the host, in its own Python: begins a connection, and says what came of it.
BEGIN: Final = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 443), 20)
except OSError as error:
    print(type(error).__name__, end="")
"""


def test_it_has_a_voucher_of_every_other_owners_authority(delivered_server: Machine) -> None:
    status = json.loads(delivered_server.run(f"mecai sidecar status --config {SETTINGS} --format json"))
    vouchers = {item["name"]: item["state"] for item in status["items"] if item["kind"] == "voucher"}
    assert {vouchers.get(authority.name) for authority in others(delivered_server)} == {"good"}
    assert not vouchers.keys() & {authority.name for authority in issuers(delivered_server)}


def test_client_that_demands_vouchers_accepts(client: Machine, delivered_server: Machine) -> None:
    answer = json.loads(client.run(f"mecai client get https://{delivered_server.told.site}/ --format json"))
    assert (answer["verdict"], answer["reason"]) == ("accepted", None)
    assert answer["vouchers"]


def test_neither_a_delivery_nor_a_client_makes_it_begin_a_connection(
    client: Machine, delivered_server: Machine
) -> None:
    before = _refused(delivered_server)
    for path in _vouchers(delivered_server):  # so that the delivery has something to do
        delivered_server.run(f"rm --force {path}")  # a delivery of the timer's may be faster
    (deliverer,) = chosen("deliverer")
    deliverer.run("systemctl start mecai-push.service")
    assert _vouchers(delivered_server)
    get = f"mecai client get https://{delivered_server.told.site}/"
    until(lambda: client.shell.run(get).rc == 0, SECONDS, lambda: f"{get} is not accepted")
    assert _refused(delivered_server) == before


def test_what_it_begins_is_refused_and_counted(delivered_server: Machine) -> None:
    before = _refused(delivered_server)
    assert _begun(delivered_server) == "ConnectionRefusedError"
    assert _refused(delivered_server) == before + 1


def test_it_stays_closed_whatever_becomes_of_the_hosts_own_rules(delivered_server: Machine) -> None:
    delivered_server.run("cp --preserve=all /etc/nftables.conf /etc/nftables.conf.kept")
    try:
        for does in (*(f"systemctl {verb} nftables" for verb in ("start", "reload", "restart")), BREAK, STOP):
            delivered_server.run(does)
            assert _begun(delivered_server) == "ConnectionRefusedError", does
    finally:
        delivered_server.run("mv /etc/nftables.conf.kept /etc/nftables.conf")
        delivered_server.run(STOP)


def test_its_files_are_readable_by_the_server_and_writable_by_deliveries_only(delivered_server: Machine) -> None:
    listing = delivered_server.run(f"find {STAPLES} -printf '%y %m %u\n'").split("\n")
    assert set(listing) == {"d 755 mecai-deliveries", "f 644 mecai-deliveries"}


def test_a_delivery_may_renew_the_chains_and_everybody_reads_them(delivered_server: Machine) -> None:
    (deliverer,) = chosen("deliverer")
    listing = deliverer.run("find /var/lib/mecai-push-chains -printf '%y %m %u\n'").split("\n")
    assert set(listing) == {"d 755 mecai-push", "f 644 mecai-push"}
    chain = f"/etc/ssl/certs/{delivered_server.told.site}.pem"
    assert deliverer.run(f"cat /var/lib/mecai-push-chains{chain}") == delivered_server.run(f"cat {chain}")


def _vouchers(server: Machine) -> list[str]:
    return server.run(f"find {STAPLES} -name '*.voucher'").split()


def _begun(server: Machine) -> str:
    """Return what comes of a connection that it begins."""
    (deliverer,) = chosen("deliverer")
    return server.run("python3 -c %s %s", BEGIN, deliverer.told.addresses[0])


def _refused(server: Machine) -> int:
    """Return how many connections the kernel did not let it begin."""
    said = json.loads(server.run("nft --json list counter inet mecai_deliveries outgoing"))
    return next(int(each["counter"]["packets"]) for each in said["nftables"] if "counter" in each)
