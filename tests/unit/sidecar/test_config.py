"""The configuration: the example in its own documentation, and the line for each value that cannot be."""

import textwrap
from pathlib import Path

import pytest

from mecai.errors import InputError
from mecai.sidecar import config
from mecai.sidecar.config import read_config

ENTRY = "[[certificate]]\nchain = 'www.pem'\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_example_of_the_documentation_is_good(tmp_path: Path) -> None:
    assert config.__doc__ is not None
    lines = [line for line in config.__doc__.splitlines() if line.startswith("    ")]
    read = read_config(write(tmp_path / "sidecar.toml", textwrap.dedent("\n".join(lines))))
    assert (read.certificates[0].port, read.refresh_hours) == (443, 12)
    assert read.staples == Path("/var/lib/mecai-sidecar/staples")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "certificate: none given"),
        *(
            (f"metrics_address = '{address}'\n{ENTRY}addresses = ['192.0.2.1']", "metrics_address: ")
            for address in (
                *("0.0.0.0:9786", "127.0.0.1", "127.0.0.1:0", "localhost:9786", "127.0.0.1:65536"),
                *("::1:9786", "[127.0.0.1]:9786", "127.0.0.1:9_786"),
            )
        ),
        ("[[chains]]\nfolder = '/c'\naddresses = []", "chains: certificate.addresses: 0, expected 1..16"),
        *(
            (f"[[chains]]\nfolder = '/c'\naddresses = ['192.0.2.1']\npattern = '{pattern}'", "chains.pattern: ")
            for pattern in ("", "/etc/*.pem", "../*.pem", "a/../b", "**/x.pem")
        ),
        ("certificate = []", "certificate: none given"),
        (f"{ENTRY}addresses = []", "certificate.addresses: 0, expected 1..16"),
        (f"{ENTRY}addresses = ['www.example.test']", "certificate: 'www.example.test' is no IP address"),
        (f"{ENTRY}addresses = ['192.0.2.1', '::ffff:192.0.2.1']", "certificate.addresses: duplicate"),
        (f"{ENTRY}addresses = ['192.0.2.1']\nport = 8443", "certificate.port: 8443 is outside 1..1023"),
        (f"{ENTRY}addresses = ['192.0.2.1']\nserver_name = 'a b'", "certificate: 'a b' is no host name"),
        (f"{ENTRY}address = ['192.0.2.1']", "certificate[0].address: unknown key; did you mean 'addresses'?"),
        (
            f"intranet_domains = ['10.0.0.1']\n{ENTRY}addresses = ['192.0.2.1']",
            "intranet_domains: '10.0.0.1' is no host",
        ),
        (
            f"intranet_domains = ['*.a.test']\n{ENTRY}addresses = ['192.0.2.1']",
            "intranet_domains: '*.a.test' is no host",
        ),
        (f"refresh_hours = 0\n{ENTRY}addresses = ['192.0.2.1']", "refresh_hours: 0 is below 1"),
    ],
)
def test_a_value_that_cannot_be(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_config(write(tmp_path / "sidecar.toml", text))
    assert str(caught.value).startswith(f"{tmp_path / 'sidecar.toml'}: {line}")
