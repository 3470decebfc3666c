"""What the options of `mecai client get` ask for."""

import os
from collections.abc import Sequence
from pathlib import Path

from mecai.cli.arguments import read
from mecai.cli.fetching import Wish
from mecai.client.request import Destination, Request, read_header
from mecai.errors import InputError
from mecai.protocol.pki.identity import address_octets


def read_wish(  # noqa: PLR0917 - one for each option
    headers: Sequence[str],
    method: str | None,
    data: str | None,
    output: Path | None,
    location: bool,
    resolve: Sequence[str],
) -> Wish:
    """Read the options; raises `InputError`, and `HostError` for a file that cannot be read."""
    if output is not None and output.exists() and not output.is_file() and not output.is_char_device():
        raise InputError(f"{output}: is no file, and would be replaced by one; name another")
    fields: dict[str, str] = {}
    for name, value in map(read_header, headers):
        if name.lower() in map(str.lower, fields):
            raise InputError(f"header {name} is given twice; expected once")
        fields[name] = value
    body = None if data is None else read(Path(data[1:])) if data.startswith("@") else os.fsencode(data)
    request = Request(method or ("GET" if body is None else "POST"), fields, body)
    return Wish(request=request, output=output, follow=location, addresses=dict(map(_place, resolve)))


def _place(text: str) -> tuple[tuple[str, int], bytes]:
    """Read `HOST:PORT:ADDRESS`, as curl has it."""
    host, _, rest = text.partition(":")
    port, _, address = rest.partition(":")
    try:
        destination = Destination.of_host(f"{host}:{port}")
        return (destination.host, destination.port), address_octets(address.strip("[]"))
    except InputError as error:
        raise InputError(f"--resolve {text}: expected HOST:PORT:ADDRESS ({error})") from error
