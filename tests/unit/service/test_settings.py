"""Settings: what each wrong key of a TOML file says."""

from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from mecai.service.settings import Network, read_settings, toml_text


@dataclass(frozen=True)
class Server:
    """A table."""

    url: str
    port: int = 443


@dataclass(frozen=True)
class Example:
    """One field of each kind."""

    name: str
    servers: tuple[Server, ...] = field(default=(), metadata={"key": "server"})
    networks: tuple[Network, ...] = ()
    home: Path | None = None
    days: int = 3
    careful: bool = True
    wait: timedelta = timedelta(days=3)

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError(f"days: {self.days} is below 1")


def read(tmp_path: Path, text: str) -> Example:
    path = tmp_path / "example.toml"
    path.write_text(text)
    return read_settings(path, Example)


def test_every_kind_of_value(tmp_path: Path) -> None:
    text = """
        name = "alder"
        networks = ["198.18.0.0/15", "2001:db8::/32"]
        home = "/var/lib/alder"
        [[server]]
        url = "https://a.test"
        [[server]]
        url = "https://b.test"
        port = 8443
    """
    assert read(tmp_path, text) == Example(
        name="alder",
        servers=(Server("https://a.test"), Server("https://b.test", 8443)),
        networks=(ip_network("198.18.0.0/15"), ip_network("2001:db8::/32")),
        home=Path("/var/lib/alder"),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = 1", "name: 1 is not a string"),
        ("", "name: missing; expected a string"),
        ("name = 'a'\nnam = 'b'", "nam: unknown key; did you mean 'name'?"),
        ("name = 'a'\nzzz = 1", "zzz: unknown key; known keys: name, server, networks, home, days, careful"),
        ("name = 'a'\ndays = true", "days: True is not a whole number"),
        ("name = 'a'\ndays = 0", "days: 0 is below 1"),
        ("name = 'a'\ncareful = 1", "careful: 1 is not true or false"),
        ("name = 'a'\nhome = 1", "home: 1 is not a string"),
        ("name = 'a'\nnetworks = 'b'", "networks: 'b' is not a list"),
        ("name = 'a'\nnetworks = ['192.0.2.1/24']", "networks[0]: 192.0.2.1/24 has host bits set"),
        ("name = 'a'\n[[server]]\nport = 1", "server[0].url: missing; expected a string"),
        ("name = 'a'\n[server]\nurl = 'b'", "server: {'url': 'b'} is not a list"),
        ("name = ", "is not TOML: Invalid value"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'example.toml'}: {line}")


def test_what_is_nested_beyond_reading_is_no_settings(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text("name = " + "[" * 100_000)
    with pytest.raises(InputError, match=r"deep\.toml: is not TOML"):
        read_settings(tmp_path / "deep.toml", Example)


def test_a_missing_file_is_the_hosts_fault(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot be read"):
        read_settings(tmp_path / "none.toml", Example)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("P3D", timedelta(days=3)),
        ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta(0)),
        ("PT72H", timedelta(hours=72)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("P99999D", timedelta(days=99999)),
    ],
)
def test_a_duration(tmp_path: Path, text: str, span: timedelta) -> None:
    assert read(tmp_path, f"name = 'alder'\nwait = '{text}'").wait == span


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "3D", "P1Y", "P1M", "-P1D", "P1.5D", "PT1H2D", "p1d", "P100000D", "P٣D"]
)
def test_what_is_no_duration(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        InputError, match=r": wait: '.*' is no duration; expected one such as 'P3D' \(days\), 'PT12H' or"
    ):
        read(tmp_path, f"name = 'alder'\nwait = '{text}'")


@pytest.mark.parametrize("text", ["/srv/a b", '/srv/"', "/srv/\\n", "/srv/\n\x7f", "/srv/\u00e4\U0001f511", "{home}%s"])
def test_whatever_a_path_has_is_text_in_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "example.toml").write_text(f'name = "{toml_text(text)}"\n')
    assert read_settings(tmp_path / "example.toml", Example).name == text
