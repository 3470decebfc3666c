"""A lab in memory on which scenarios are played whole, by the engine itself."""

from pathlib import Path

from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.laid import INTERNET
from tests.unit.testbed.world import World


class Stage:
    """A lab in memory on which every scenario can be played; any draw of authorities is as wanted."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.arena = self.world.arena(folder, INTERNET)
        self.driver, self.changed = FakeDriver(self.arena.lab), False

    def watch(self, _text: str) -> None:
        """See whether anything is attacked."""
        self.changed |= self.world.attacked
