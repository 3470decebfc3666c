"""`mecai config check`: every file of /etc/mecai is read in meaning before it replaces the old one."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mecai.cli.config import SHAPES, command
from mecai.errors import HostError, InputError

GOOD = {
    "ca": """
        name = "alder"
        owner_group = "alder"
        region = "north"
        ocsp_url = "http://ocsp.alder.test"
        vas_url = "https://vas.alder.test"
        """,
    "client": 'mode = "warn"',
    "ocsp": '[[delegate]]\nkey = "/k"\ncertificate = "/c"',
    "perspective": 'key = "/k"\ncertificate = "/c"\nroots = "/r"',
    "sidecar": '[[certificate]]\nchain = "/c"\naddresses = ["192.0.2.1"]',
    "vas": """
        key = "/k"
        certificate = "/c"
        root = "/r"
        database = "sqlite:////vas.sqlite"
        [[directory]]
        context = "MOZ"
        path = "/d"
        publishers = "/p"
        """,
    "vas-signer": 'key = "/k"\ncertificate = "/c"\nroot = "/r"',
}
# What the shape says, and what only the meaning says.
BAD = {
    "ca": ('region = "north"', 'region = "The North"', "region: 'The North'; expected"),
    "client": ('"warn"', '"warning"', "mode: 'warning' is none of"),
    "ocsp": ("[[delegate]]", "validity_hours = 480\n[[delegate]]", "validity_hours: 480 is outside 1..48"),
    "perspective": ("key =", "ports = [8443]\nkey =", "ports: 8443 is outside 1..1023"),
    "sidecar": ("192.0.2.1", "192.0.2.256", "192.0.2.256"),
    "vas": ("[[directory]]", "hold = '-P1D'\n[[directory]]", "hold: '-P1D' is no duration"),
    "vas-signer": ("key =", "lifetime_hours = 73\nkey =", "lifetime_hours: 73 is outside 1..72"),
}


def check(kind: str, path: Path) -> Result:
    return CliRunner().invoke(command, ["check", kind, str(path)])


@pytest.mark.parametrize("kind", SHAPES)
def test_a_good_file_is_called_good_whatever_its_name(kind: str, tmp_path: Path) -> None:
    (file := tmp_path / ".ansible_tmp").write_text(GOOD[kind])
    assert check(kind, file).output == f"{file}: good, as {kind}.toml\n"


@pytest.mark.parametrize("kind", SHAPES)
def test_a_bad_value_is_named(kind: str, tmp_path: Path) -> None:
    there, instead, said = BAD[kind]
    (file := tmp_path / "new").write_text(GOOD[kind].replace(there, instead))
    error = check(kind, file).exception
    assert isinstance(error, InputError)
    assert str(error).startswith(f"{file}: ")
    assert said in str(error)


@pytest.mark.parametrize("kind", SHAPES)
def test_an_unknown_key_is_named(kind: str, tmp_path: Path) -> None:
    (file := tmp_path / "new").write_text(f"colour = 1\n{GOOD[kind]}")
    with pytest.raises(InputError, match="colour: unknown key"):
        raise check(kind, file).exception or AssertionError


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert isinstance(check("ca", tmp_path / "none").exception, HostError)
