"""What the roles write of a VA's report key is what the programs read."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mecai.ca.config import AuthorityConfig
from mecai.service.settings import read_settings
from mecai.vas.config import read_config
from tests.pki import key
from tests.unit.ansible.test_intranets import write

PUBLIC = base64.b64encode(key("reports").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
CA = {"name": "corp", "region": "north", "ocsp_url": "http://ocsp.corp.test"}


def test_a_ca_tells_the_directory_of_the_key(tmp_path: Path) -> None:
    given = {f"certificate_authority_{key}": value for key, value in CA.items()}
    write("certificate_authority", "ca.toml.j2", tmp_path, **given)
    assert read_settings(tmp_path / "out", AuthorityConfig).report_key is None
    given["certificate_authority_report_key"] = PUBLIC.decode()
    write("certificate_authority", "ca.toml.j2", tmp_path, **given)
    assert read_settings(tmp_path / "out", AuthorityConfig).report_key == PUBLIC.decode()


def test_its_va_is_told_where_the_key_lies(tmp_path: Path) -> None:
    settings = {"report_key": "/var/lib/mecai-vas/report-key.pem"}
    given = {"voucher_authority_settings": settings, "voucher_authority_host_name": "vas.corp.test"}
    write("voucher_authority", "vas.toml.j2", tmp_path, **given)
    assert read_config(tmp_path / "out").report_key == Path(settings["report_key"])
