"""A topology is drawn as text and as a picture: every host once, in its network, every further link a line."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from testbed.model import plan, reading
from testbed.report import mermaid, picture
from testbed.roles import ROLES

SVG = "http://www.w3.org/2000/svg"
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
    texts = [element.text for element in root.iter(f"{{{SVG}}}text")]
    assert {host.name for host in drawn.topology.hosts} <= set(texts)
    assert root.find(f"{{{SVG}}}style") is not None
    assert "<style>" not in picture.draw(drawn)


@pytest.mark.parametrize("drawn", PLANS, ids=lambda found: found.topology.name)
def test_no_two_networks_seem_to_be_one(drawn: plan.Plan) -> None:
    """Those that face each other have their lines at heights of their own."""
    root = ET.fromstring(picture.draw(drawn))  # noqa: S314 - this program's own text
    arms = [re.findall(r"M\d+ (\d+)H(\d+)", path.get("d", "")) for path in root.iter(f"{{{SVG}}}path")]
    edges = {(edge, height) for arm in arms for height, edge in arm}
    assert len(edges) == len({height for _, height in edges})


def test_the_picture_in_the_documents_is_what_is_drawn() -> None:
    """`testbed graph --topology internet --as svg` makes it anew."""
    drawn = next(each for each in PLANS if each.topology.name == "internet")
    file = Path(__file__).parents[3] / "docs/testbed/pictures/internet.svg"
    assert file.read_text(encoding="utf-8") == picture.draw_alone(drawn)
