"""The configuration: the example in its own documentation, and the line for each value that cannot be."""

import textwrap
from pathlib import Path

import pytest

from mecai.errors import InputError
from mecai.vas import config
from mecai.vas.config import TLS_PORTS, DirectoryFile, read_config

LEAST = """
    key = "key.pem"
    certificate = "certificate.pem"
    root = "root.pem"
    database = "sqlite:///vas.sqlite"
"""
DIRECTORY = """
    [[directory]]
    context = "MOZ"
    path = "directory.der"
    publishers = "publishers.pem"
"""


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    return path


def test_the_example_of_the_documentation_is_good(tmp_path: Path) -> None:
    assert config.__doc__ is not None
    lines = [line for line in config.__doc__.splitlines() if line.startswith("    ")]
    read = read_config(write(tmp_path / "vas.toml", "\n".join(lines)))
    assert read.directories == (
        DirectoryFile("MOZ", Path("/etc/mecai/directory.der"), Path("/etc/mecai/publishers.pem")),
    )


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    read = read_config(write(tmp_path / "vas.toml", LEAST + DIRECTORY))
    assert (read.ports, read.hold_hours, read.lifetime_hours, read.allowed_networks) == (TLS_PORTS, 72, 24, ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LEAST, "directory: missing"),
        (f"directory = []{LEAST}", "directory: none given"),
        (LEAST + DIRECTORY + DIRECTORY, "directory: two of one context in MOZ, MOZ"),
        (f"lifetime_hours = 73{LEAST}{DIRECTORY}", "lifetime_hours: 73 is outside 1..72"),
        (f"hold_hours = -1{LEAST}{DIRECTORY}", "hold_hours: -1 is below 0"),
        (f"vouchers_per_day = 0{LEAST}{DIRECTORY}", "vouchers_per_day: 0 is below 1"),
        (f"ports = [0]{LEAST}{DIRECTORY}", "ports: 0 is outside 1..1023"),
        (f"distrusted = ['00']{LEAST}{DIRECTORY}", "distrusted: '00' is no SHA-256; expected 64 hex digits"),
        (f"distrusted = ['x']{LEAST}{DIRECTORY}", "distrusted: 'x' is no SHA-256; expected 64 hex digits"),
        (f"hold_hour = 0{LEAST}{DIRECTORY}", "hold_hour: unknown key; did you mean 'hold_hours'?"),
    ],
)
def test_a_value_that_cannot_be(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_config(write(tmp_path / "vas.toml", text))
    assert str(caught.value).startswith(f"{tmp_path / 'vas.toml'}: {line}")
