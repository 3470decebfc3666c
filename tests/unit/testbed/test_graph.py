"""A topology is drawn as text and as a picture: every host once, in its network, every further link a line."""

import re
from xml.etree import ElementTree as ET

import pytest

from testbed.model import plan, reading
from testbed.report import mermaid, picture
from testbed.roles import ROLES

PLANS = [plan.make(reading.load(file, ROLES)) for file in sorted(reading.BUILT_IN.glob("*.yml"))]


@pytest.mark.parametrize("drawn", PLANS, ids=lambda found: found.topology.name)
def test_mermaid_has_each_host_in_its_network_and_each_further_link(drawn: plan.Plan) -> None:
    text = mermaid.write(drawn)
    assert text.startswith("flowchart LR\n")
    groups = dict(re.findall(r"subgraph zone_(\w+) .*\n((?:    .*\n)*)", text))
    for host in drawn.topology.hosts:
        assert (
            f'host_{host.name.replace("-", "_")}["{host.name}<br/>{host.role}"]' in groups[host.zone.replace("-", "_")]
        )
    assert text.count(" --- ") == sum(len(host.links) - 1 for host in drawn.topology.hosts)
    joined = set(re.findall(r"--- zone_(\w+)", text))
    assert joined <= set(re.findall(r"^  (?:subgraph )?zone_(\w+)[ (]", text, re.MULTILINE))


@pytest.mark.parametrize("drawn", PLANS, ids=lambda found: found.topology.name)
def test_a_picture_alone_is_whole_and_has_its_own_colours(drawn: plan.Plan) -> None:
    root = ET.fromstring(picture.draw_alone(drawn))  # noqa: S314 - this program's own text
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {host.name for host in drawn.topology.hosts} <= set(texts)
    assert root.find("{http://www.w3.org/2000/svg}style") is not None
    assert "<style>" not in picture.draw(drawn)
