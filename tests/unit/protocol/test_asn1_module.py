"""The specification's ASN.1 module, compiled by another tool, says the same as this code."""

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import asn1tools  # type: ignore[import-untyped]  # it has no types
import pytest

from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher_info import Extension
from tests.pki import NOW
from tests.scene import ADDRESS, HOST, Scene

SCENE = Scene()
INFO = SCENE.info(SCENE.birch, extensions=(Extension("1.2.3", critical=False, value=b"later"),))
REQUEST = VoucherRequest(SCENE.site.der, SCENE.site.chain_der[1:], (ADDRESS,), 443, HOST, b"succession")

NOTICE = Incident(INFO.authority, Kind.CERTIFICATE, bytes(32), NOW, "grüße")


@pytest.fixture(scope="module")
def module() -> Any:
    """Return the compiled module."""
    return asn1tools.compile_files(str(Path(__file__).parents[3] / "docs" / "spec" / "mecai.asn1"), "der")


@pytest.mark.parametrize(
    ("name", "encoded"),
    [("VoucherInfo", INFO.encode()), ("VoucherRequest", REQUEST.encode()), ("Incident", NOTICE.encode())],
)
def test_it_reads_and_writes_the_same_octets(module: Any, name: str, encoded: bytes) -> None:
    assert module.encode(name, module.decode(name, encoded)) == encoded


def test_its_fields_are_these(module: Any) -> None:
    decoded = module.decode("VoucherInfo", INFO.encode())
    assert decoded["authority"] == INFO.authority
    assert decoded["nextUpdate"].replace(tzinfo=UTC) == INFO.next_update
    assert decoded["trustContexts"] == ["MOZ"]
    assert [entry["method"] for entry in decoded["statusEvidence"]] == ["ocsp", "ocsp"]
    assert module.decode("VoucherRequest", REQUEST.encode())["serverName"] == HOST


def test_the_subject_of_an_incident_is_a_choice(module: Any) -> None:
    assert module.decode("Incident", NOTICE.encode())["subject"] == ("certificate", bytes(32))
    said = module.decode("Incident", replace(NOTICE, kind=Kind.CA).encode())
    assert said["subject"] == ("caKey", bytes(32))
