"""What a router tells its neighbours: a customer's, that its own prefixes are reached through it."""

import json
from pathlib import Path

import pytest

from tests.unit.ansible.running import ANSIBLE, play

FAMILY = {
    "name": "ipv4",
    "prefixes": ["198.18.0.0/24"],
    "sources": [],
    "neighbours": [{"name": "up", "address": "198.18.9.1", "system": 64501}],
}


@pytest.mark.parametrize("transit", [True, False])
def test_a_router_that_is_no_transit_is_the_next_hop_to_its_own(tmp_path: Path, *, transit: bool) -> None:
    given = {
        "__bgp_router_id": "198.18.0.1",
        "__bgp_router_system": 64500,
        "__bgp_router_transit": transit,
        "__bgp_router_families": [FAMILY],
    }
    template = {"src": f"{ANSIBLE}/roles/bgp_router/templates/bird.conf.j2", "dest": str(tmp_path / "bird.conf")}
    ran = play(tmp_path, [{"name": "Write", "ansible.builtin.template": template}], "-e", json.dumps(given))
    assert ran.returncode == 0, ran.stdout
    settings = (tmp_path / "bird.conf").read_text(encoding="utf-8")
    assert ("next hop self;" in settings) is not transit
    assert ("export where source = RTS_STATIC" in settings) is not transit
