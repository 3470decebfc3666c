"""The configuration: the example in its own documentation, and the line for each value that cannot be."""

import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from mecai.errors import InputError
from mecai.vas import config
from mecai.vas.config import TLS_PORTS, ContextSource, read_config
from mecai.vas.storage.database import open_database

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
        ContextSource("MOZ", Path("/etc/mecai/publishers.pem"), path=Path("/etc/mecai/directory.der")),
        ContextSource(
            "ALT",
            Path("/etc/mecai/contexts/ALT/publishers.pem"),
            url="https://publisher.example/directory.der",
            roots=Path("/etc/mecai/contexts/ALT/roots.pem"),
        ),
    )


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    read = read_config(write(tmp_path / "vas.toml", LEAST + DIRECTORY))
    assert (read.ports, read.hold, read.lifetime_hours, read.allowed_networks) == (TLS_PORTS, timedelta(days=3), 24, ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LEAST, "directory: missing"),
        (f"directory = []{LEAST}", "directory: none given"),
        (LEAST + DIRECTORY + DIRECTORY, "directory: two of one context in MOZ, MOZ"),
        (f"{LEAST}{DIRECTORY}    url = 'https://a.example/'", "directory: MOZ: give either path or url"),
        (LEAST + DIRECTORY.replace("path", "url"), "directory: MOZ: url: 'directory.der' is no https URL of a host"),
        (f"{LEAST}{DIRECTORY}    roots = 'roots.pem'", "directory: MOZ: roots are those of a url, and there is none"),
        (f"lifetime_hours = 73{LEAST}{DIRECTORY}", "lifetime_hours: 73 is outside 1..72"),
        (LEAST.replace("key =", "# key =") + DIRECTORY, "give either key or [signer]"),
        (f"signer.socket = 's'{LEAST}{DIRECTORY}", "give either key or [signer]"),
        (f"hold = 'P1M'{LEAST}{DIRECTORY}", "hold: 'P1M' is no duration; expected one such as 'P3D' (days), 'PT12H'"),
        (f"hold = 72{LEAST}{DIRECTORY}", "hold: 72 is not a string"),
        (f"vouchers_per_day = 0{LEAST}{DIRECTORY}", "vouchers_per_day: 0 is below 1"),
        (f"ports = [0]{LEAST}{DIRECTORY}", "ports: 0 is outside 1..1023"),
        (f"distrusted = ['00']{LEAST}{DIRECTORY}", "distrusted: '00' is no SHA-256; expected 64 hex digits"),
        (f"distrusted = ['x']{LEAST}{DIRECTORY}", "distrusted: 'x' is no SHA-256; expected 64 hex digits"),
        (LEAST.replace("sqlite:///", "sqlite:/") + DIRECTORY, "database: expected sqlite:///FILE or postgresql"),
        (f"held = 'P3D'{LEAST}{DIRECTORY}", "held: unknown key; did you mean 'hold'?"),
    ],
)
def test_a_value_that_cannot_be(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read_config(write(tmp_path / "vas.toml", text))
    assert str(caught.value).startswith(f"{tmp_path / 'vas.toml'}: {line}")


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("sqlite:////var/lib/mecai-vas/vas.sqlite", True),
        ("sqlite://", True),
        ("postgresql+psycopg://mecai@/mecai?host=/var/run/postgresql", True),
        ("postgresql+psycopg://mecai:s3cret@db.example:5432/mecai?sslmode=verify-full", True),
        ("postgresql+psycopg://mecai:s3cret@[::1]:5433/mecai", True),
        ("postgresql+psycopg://db.example/mecai?sslmode=verify-full", True),
        ("postgresql+psycopg://mecai:s3cret@db.example:port/mecai", False),
        ("postgresql://mecai:s3cret@db.example/mecai", False),
        ("vas.sqlite", False),
    ],
)
def test_a_database_that_can_be_opens(tmp_path: Path, url: str, *, good: bool) -> None:
    text = LEAST.replace("sqlite:///vas.sqlite", url) + DIRECTORY
    if good:
        open_database(read_config(write(tmp_path / "vas.toml", text)).database).dispose()
        return
    with pytest.raises(InputError, match="database: expected") as refused:
        read_config(write(tmp_path / "vas.toml", text))
    assert "s3cret" not in str(refused.value)
