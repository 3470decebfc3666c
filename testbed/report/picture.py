"""The topology as a picture (SVG): its networks as boxes with their hosts, and the lines by which hosts join them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from testbed.model.plan import Plan
from testbed.model.topology import Host, Zone
from testbed.report.rendering import render

# Lengths in the picture's own units, near to pixels.
_BOX: Final = 190
_LINE: Final = 18
_MARGIN: Final = 8
_LANE: Final = 10
_APART: Final = 5


@dataclass(frozen=True)
class Box:
    """A network: its upper left corner, its height, the hosts that are at home there."""

    zone: Zone
    hosts: tuple[Host, ...]
    x: int
    y: int
    height: int
    width: int = _BOX

    @property
    def edge(self) -> tuple[int, int]:
        """Where its line begins: at its inner edge, and not at the height of its neighbour's, which would seem one."""
        middle = self.y + self.height // 2
        return (self.x + self.width, middle - _APART) if self.x == _MARGIN else (self.x, middle + _APART)


@dataclass(frozen=True)
class Line:
    """How one host joins networks: down a lane of its own between the boxes, with an arm to each."""

    x: int
    top: int
    bottom: int
    arms: tuple[tuple[int, int], ...]


def draw(plan: Plan) -> str:
    """Return the picture of a lab's topology, an `svg` element whose colours are those of the page around it."""
    return render("picture.svg.j2", alone=False, **_layout(plan))


def draw_alone(plan: Plan) -> str:
    """Return the picture as a file of its own, with its colours, on light and on dark ground."""
    return render("picture.svg.j2", alone=True, **_layout(plan)) + "\n"


def _layout(plan: Plan) -> Mapping[str, Any]:
    joining = [host for host in plan.topology.hosts if len(host.links) > 1]
    gap = 2 * _LANE + _LANE * max(1, len(joining))
    boxes = _boxes(plan, gap)
    lines = [_line(host, boxes, _MARGIN + _BOX + _LANE * (2 + lane)) for lane, host in enumerate(joining)]
    height = max(box.y + box.height for box in boxes.values()) + _MARGIN
    width = 2 * (_BOX + _MARGIN) + gap
    return {"name": plan.topology.name, "boxes": boxes.values(), "lines": lines, "width": width, "height": height}


def _boxes(plan: Plan, gap: int) -> dict[str, Box]:
    """Put the networks into two columns, in the order of the file."""
    zones = plan.topology.zones
    at_home = {zone.name: tuple(host for host in plan.topology.hosts if host.zone == zone.name) for zone in zones}
    lengths = [max(1, len(at_home[zone.name])) for zone in zones]
    heights = [_LINE * (2 + max(lengths[row : row + 2])) for row in range(0, len(zones), 2)]
    tops = list(accumulate((height + _MARGIN for height in heights), initial=_MARGIN))
    return {
        zone.name: Box(
            zone, at_home[zone.name], _MARGIN + (place % 2) * (_BOX + gap), tops[place // 2], heights[place // 2]
        )
        for place, zone in enumerate(zones)
    }


def _line(host: Host, boxes: Mapping[str, Box], lane: int) -> Line:
    arms = tuple(boxes[link].edge for link in host.links)
    heights = [y for _, y in arms]
    return Line(lane, min(heights), max(heights), arms)
