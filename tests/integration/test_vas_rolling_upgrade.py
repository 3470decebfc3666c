"""Two nodes of a VAS are upgraded one by one, under load: the schema expands, then it contracts (ADR 0039)."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.vas.storage.database import require_ready
from mecai.vas.storage.tables import VOUCHERS
from tests.integration.test_vas_nodes import SERVERS, Load, Node, Nodes, two_nodes
from tests.patience import SECONDS
from tests.releases import DATABASE, NARROWER, WIDER, Later

ROOT = Path(__file__).resolve().parents[2]
MIGRATE = "import sys; from mecai.vas.storage.database import *; migrate(open_database(sys.argv[1]))"


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Run nodes that sign, and write, a voucher for each request."""
    with two_nodes(tmp_path_factory.mktemp("world"), reuse=0) as found:
        found.end_holds()
        yield found


def make_release(before: Path, later: Later) -> Path:
    """Make a later release beside the one before."""
    release = before.with_name(f"release-{later.revision}")
    shutil.copytree(before / "mecai", release / "mecai", ignore=shutil.ignore_patterns("__pycache__"))
    for path, content in later.files((before / DATABASE).read_text()).items():
        (release / path).write_text(content)
    return release


def is_ready(node: Node) -> bool:
    connection = node.connection()
    try:
        connection.request("GET", "/readyz")
        return "database" not in json.loads(connection.getresponse().read()).get("failed", [])
    finally:
        connection.close()


def roll(nodes: Nodes, load: Load, release: Path) -> None:
    """Upgrade one node after the other, as an operator does; both serve before the next one's turn."""
    for node in nodes.every:
        url = nodes.engine.url.render_as_string()
        subprocess.run([sys.executable, "-c", MIGRATE, url], cwd=release, check=True, timeout=SECONDS)
        assert all(is_ready(each) for each in nodes.every)
        load.wait(2 * SERVERS)
        nodes.start_anew(node, release)
        load.wait(2 * SERVERS)


def test_a_rolling_upgrade_across_steps_that_expand_and_contract_fails_no_request(nodes: Nodes, tmp_path: Path) -> None:
    load = Load(nodes)
    (tmp_path / "release").mkdir()
    shutil.copytree(ROOT / "mecai", tmp_path / "release" / "mecai", ignore=shutil.ignore_patterns("__pycache__"))
    wider = make_release(tmp_path / "release", WIDER)
    narrower = make_release(wider, NARROWER)
    with load.running():
        roll(nodes, load, wider)
        require_ready(nodes.engine)
        roll(nodes, load, narrower)
    assert set(load.statuses) == {200}
    assert nodes.count(VOUCHERS) * SERVERS >= len(load.statuses)  # who asks for the same at once shares a voucher
    refusal = f"schema is {NARROWER.revision}, which takes a program that knows {WIDER.revision}"
    with pytest.raises(HostError, match=refusal):
        require_ready(nodes.engine)
    assert all(is_ready(node) for node in nodes.every)
