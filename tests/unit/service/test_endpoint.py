"""Where to listen: what is an address and a port, and what is not."""

import pytest

from mecai.service.endpoint import read_endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9786", "127.0.0.1", 9786),
        ("[::1]:65535", "::1", 65535),
        ("[::ffff:192.0.2.1]:443", "::ffff:c000:201", 443),
        ("0.0.0.0:0", "0.0.0.0", 0),  # noqa: S104 - nobody listens
    ],
)
def test_an_address_and_a_port(text: str, host: str, port: int) -> None:
    read = read_endpoint(text)
    assert (read.address, read.port) == (type(read.address)(host), port)
    assert read.address.version == (6 if text.startswith("[") else 4)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "127.0.0.1", "127.0.0.1:", ":80", "localhost:80", "127.0.0.1:80:80", "127.0.0.1:80\n"),
        *("::1:80", "[::1]", "[127.0.0.1]:80", "[127.0.0.1:80", "[[::1]]:80", "[::1%lo]:80"),
        *("127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1_0", "127.0.0.1:http", "127.0.0.1:٨٠"),
        *("127.0.0.256:80", "127.1:80", "127.0.0.01:80", "[1::2::3]:80"),
    ],
)
def test_what_is_no_address_and_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no ADDRESS:PORT$"):
        read_endpoint(text)


@pytest.mark.parametrize("port", [65536, 99999])
def test_what_is_no_port(port: int) -> None:
    with pytest.raises(ValueError, match=f"{port} is no port"):
        read_endpoint(f"127.0.0.1:{port}")
