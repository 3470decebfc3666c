"""Each wrong key of ca.toml and ocsp.toml ends in one line that names it."""

from pathlib import Path

import pytest

from mecai.ca.config import AuthorityConfig, ResponderConfig, StatusUrls
from mecai.errors import InputError
from mecai.service.settings import read_settings

CA = """
name = "alder"
owner_group = "alder"
region = "north"
ocsp_url = "http://ocsp.alder.test"
vas_url = "https://vas.alder.test"
"""
OCSP = '[[delegate]]\nkey = "/k"\ncertificate = "/c"\n'


def test_defaults(tmp_path: Path) -> None:
    (tmp_path / "ca.toml").write_text(CA)
    config = read_settings(tmp_path / "ca.toml", AuthorityConfig)
    assert (config.days.va, config.crl_url, config.state) == (365, None, Path("/var/lib/mecai-ca"))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('region = "North"', "region: 'North'; expected 1 to 32 lower-case letters, digits or hyphens"),
        ('name = "a,b"', "name: 'a,b'; expected 1 to 40 letters"),
        ('ocsp_url = "https://ocsp.alder.test"', "ocsp_url: 'https://ocsp.alder.test'; expected http://HOST"),
        ('vas_url = "http://vas.alder.test"', "vas_url: 'http://vas.alder.test'; expected https://HOST"),
        ('crl_url = "http://"', "crl_url: 'http://'; expected http://HOST with a path at most"),
        ('root = "ab:cd"', "root: 'ab:cd'; expected 64 hexadecimal digits"),
        ('ca_keys = ["77f1"]', "ca_keys: '77f1'; expected 64 hexadecimal digits: SHA-256 of a SubjectPublicKeyInfo"),
        ('mail = "notary"', "mail: 'notary' is no mail address"),
        ("days.mail = 826", "days.mail: 826 is outside 1..825"),
        ('report_key = "77f1="', "report_key: '77f1='; expected base64, as `mecai vas report-key` prints it"),
        ("days.client = 399", "days.client: 399 is outside 1..398"),
        ("days.va = 366", "days.va: 366 is outside 1..365"),
        ("days.server = 0", "days.server: 0 is outside 1..200"),
        ("days.sever = 9", "days.sever: unknown key; did you mean 'server'?"),
        ("days.crl = 399", "days.crl: 399 is outside 1..398"),
        (
            'crl_url = "http://crl.alder.test"\ndays.crl = 11',
            "days.crl: 11 is outside 1..10, where certificates point to it",
        ),
    ],
)
def test_each_bad_key_of_the_authority(tmp_path: Path, line: str, complaint: str) -> None:
    key = line.split(" ", 1)[0]
    kept = [each for each in CA.splitlines() if not each.startswith(f"{key} ")]
    (tmp_path / "ca.toml").write_text("\n".join([*kept, line]))
    with pytest.raises(InputError) as caught:
        read_settings(tmp_path / "ca.toml", AuthorityConfig)
    assert str(caught.value).startswith(f"{tmp_path}/ca.toml: {complaint}")


def test_who_vouches_has_a_responder_and_who_does_not_may_do_without(tmp_path: Path) -> None:
    lines = [line for line in CA.splitlines() if not line.startswith("ocsp_url")]
    (tmp_path / "ca.toml").write_text("\n".join(lines))
    with pytest.raises(InputError, match="ocsp_url: missing; who vouches"):
        read_settings(tmp_path / "ca.toml", AuthorityConfig)
    (tmp_path / "ca.toml").write_text("\n".join(line for line in lines if not line.startswith("vas_url")))
    assert read_settings(tmp_path / "ca.toml", AuthorityConfig).status_urls == StatusUrls()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("delegate = []", "delegate: none given"),
        ("validity_hours = 49\n" + OCSP, "validity_hours: 49 is outside 1..48"),
        ('[[delegate]]\nkey = "/k"', "delegate[0].certificate: missing"),
    ],
)
def test_each_bad_key_of_the_responder(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "ocsp.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_settings(tmp_path / "ocsp.toml", ResponderConfig)
    assert str(caught.value).startswith(f"{tmp_path}/ocsp.toml: {complaint}")
