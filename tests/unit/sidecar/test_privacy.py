"""No Voucher Authority hears of a private network's names and addresses, nor of what no client would take."""

import logging
from dataclasses import replace

import pytest

from mecai.sidecar.standing import State
from tests.pki import Hierarchy
from tests.unit.sidecar.conftest import Side


def said_of(side: Side, caplog: pytest.LogCaptureFixture) -> str:
    """Run a round and return the one line that it says; nobody was asked, and status says the same."""
    with caplog.at_level(logging.WARNING, "mecai.sidecar"):
        side.run(everything=True)
    (record,) = caplog.records
    (row,) = side.report().values()
    assert (side.asked, side.responders.history, row.state) == ([], [], State.UNREADABLE)
    assert row.detail in record.getMessage()
    return record.getMessage()


@pytest.mark.parametrize(
    ("name", "domain"),
    [("wiki.corp.test", "corp.test"), ("*.corp.test", "corp.test"), ("*.lab.corp.test", "corp.test")],
)
def test_a_private_name_of_a_public_ca_is_held_back(
    side: Side, caplog: pytest.LogCaptureFixture, name: str, domain: str
) -> None:
    side.show(side.scene.alder.server("www.example.test", name))
    side.config = replace(side.config, intranet_domains=("Corp.Test.",))
    said = said_of(side, caplog)
    assert f"no Voucher Authority is asked for it: {name} lies in the private domain {domain}" in said
    assert "\n" not in said


def test_a_private_server_name_is_held_back(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    entry = replace(side.config.certificates[0], server_name="wiki.corp.test")
    side.config = replace(side.config, certificates=(entry,), intranet_domains=("corp.test",))
    assert "wiki.corp.test lies in the private domain corp.test" in said_of(side, caplog)


def test_a_certificate_of_a_private_ca_is_held_back(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    side.show(Hierarchy("corp").server("www.example.test"))
    assert "untrusted" in said_of(side, caplog)


def test_a_ca_that_nobody_lists_is_named(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """No client would take what anybody says of its servers (D5)."""
    alder = side.scene.alder
    side.show(alder.server("www.example.test", parent=alder.subordinate("new CA", alder.root)))
    assert "no entry of the directory lists the key of CN=alder new CA" in said_of(side, caplog)


@pytest.mark.parametrize("address", ["10.20.0.2", "192.168.1.1", "127.0.0.1", "fd00::1", "fe80::1", "100.64.0.1"])
def test_a_private_address_is_held_back(side: Side, caplog: pytest.LogCaptureFixture, address: str) -> None:
    side.addresses("198.18.0.10", address)
    said = said_of(side, caplog)
    assert f"no Voucher Authority is asked for it: {address} is in " in said


def test_names_beside_the_private_domain_are_asked_for(side: Side) -> None:
    side.config = replace(side.config, intranet_domains=("ample.test", "www.example.test.corp", "a.www.example.test"))
    side.run()
    assert len(side.asked) == 3
