"""The client meets the nginx module: both halves of voucher stapling, each by its own code."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext, VoucherSocket
from tests.integration.nginx_module.server import Nginx, Staples, build_modules
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import HOST, authority_entry
from tests.unit.client.world import World

world = World()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """Run nginx with the module, a fresh OCSP staple, and no vouchers yet."""
    server = Nginx(tmp_path, build_modules(), Staples(tmp_path / "staples"))
    server.staples.put(world.site, "ocsp.der", world.staple)
    try:
        yield server
    finally:
        server.stop()


def serve(nginx: Nginx, *names: str) -> int:
    """Write vouchers and start; returns the port."""
    for name in names:
        authority = authority_entry(getattr(world, name)).authority
        nginx.staples.voucher(world.site, authority, world.local_voucher(name))
    port = free_port()
    nginx.start(nginx.server(port, world.site, options="voucher_ocsp on;"))
    return port


def connect(port: int, version: ssl.TLSVersion | None = None, **policy: str) -> Verdict:
    context = VoucherContext(ClientPolicy(**policy), world.directory, bytes(32))  # type: ignore[arg-type]  # by name
    if version is not None:
        context.minimum_version = context.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    with cast("VoucherSocket", context.wrap_socket(plain, server_hostname=HOST)) as sock:
        assert sock.verdict is not None
        return sock.verdict


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("profile", "quorum"), [("default", 1), ("strict", 2)])
def test_as_many_vouchers_as_asked_and_the_staple(
    nginx: Nginx, version: ssl.TLSVersion, profile: str, quorum: int
) -> None:
    verdict = connect(serve(nginx, "birch", "cedar", "dogwood"), version, profile=profile)
    assert verdict.outcome is Outcome.ACCEPTED
    assert len(verdict.vouched) == quorum
    wanted = [candidate for candidate in verdict.candidates if candidate != authority_entry(world.alder).authority]
    assert [vouched.authority.authority for vouched in verdict.vouched] == wanted[:quorum]
    assert verdict.facts.staple == world.staple


def test_a_server_without_vouchers_is_refused(nginx: Nginx) -> None:
    with pytest.raises(Refused, match="no-voucher"):
        connect(serve(nginx))


def test_too_few_vouchers_are_refused(nginx: Nginx) -> None:
    with pytest.raises(Refused, match="quorum"):
        connect(serve(nginx, "birch"), profile="strict")
