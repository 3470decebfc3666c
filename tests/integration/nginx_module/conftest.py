"""Fixtures of the nginx module's tests: the modules, an nginx, a scene whose clock is the real one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.nginx_module.server import Nginx, Staples, build_modules
from tests.integration.nginx_module.site import Site
from tests.pki import Hierarchy
from tests.scene import Scene


@pytest.fixture(scope="session")
def modules() -> Path:
    """Build both modules for this machine's nginx."""
    return build_modules()


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Give a site of alder, and four authorities, valid around the real clock: nginx has no other."""
    now = datetime.now(UTC).replace(microsecond=0)
    alder, birch, cedar, dogwood = (Hierarchy(name, now) for name in ("alder", "birch", "cedar", "dogwood"))
    return Scene(now=now, alder=alder, birch=birch, cedar=cedar, dogwood=dogwood)


@pytest.fixture
def staples(tmp_path: Path) -> Staples:
    """Give an empty staple directory."""
    return Staples(tmp_path / "staples")


@pytest.fixture
def nginx(tmp_path: Path, modules: Path, staples: Staples) -> Iterator[Nginx]:
    """Give an nginx that is not started yet; it is stopped, and its complaints fail the test."""
    home = tmp_path / "nginx"
    home.mkdir()
    server = Nginx(home, modules, staples)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def site(nginx: Nginx, scene: Scene) -> Site:
    """Give a site that is not started yet."""
    return Site(nginx, scene)
