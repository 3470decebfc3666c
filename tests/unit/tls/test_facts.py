"""What a finished handshake shows."""

import ssl
from datetime import UTC, datetime

import pytest

from mecai import tls
from tests.pki import Hierarchy
from tests.unit.tls.memory import Pair, server_context

alder = Hierarchy("alder", datetime.now(UTC).replace(microsecond=0))
site = alder.server("www.example.test")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_chains_version_and_resumption(version: ssl.TLSVersion) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=alder.root.der)
    client.maximum_version = version
    pair = Pair(client, server_context(site))
    pair.handshake()
    facts = tls.read_facts(pair.connection)
    assert facts.version == version.name.replace("TLSv1_", "TLSv1.")
    assert facts.chain == (site.der, alder.issuing.der)
    assert (facts.staple, facts.resumed) == (None, False)
    if version == ssl.TLSVersion.TLSv1_2:
        assert facts.extended_master_secret
