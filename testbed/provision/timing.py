"""Where the time of a playbook goes: how long each task took, over all hosts, by Ansible's own times."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

_COLLECTION = "mecai.infrastructure."
_SHOWN = 3


@dataclass
class Timing:
    """The seconds of each task, and of each role, which Ansible's name for a task begins with."""

    tasks: Counter[str] = field(default_factory=Counter)
    _task: str = ""
    _since: datetime | None = None

    def begin(self, task: str, created: str) -> None:
        """Take note that a task, or with an empty name nothing more, began at a time (ISO 8601)."""
        now = datetime.fromisoformat(created)
        if self._since:
            self.tasks[self._task] += (now - self._since).total_seconds()  # type: ignore[assignment]  # not an int
        self._task, self._since = task.removeprefix(_COLLECTION), now if task else None

    @property
    def roles(self) -> Counter[str]:
        """The seconds of each role; tasks of plays have none."""
        roles: Counter[str] = Counter()
        for task, seconds in self.tasks.items():
            role, colon, _ = task.partition(" : ")
            roles[role if colon else "tasks of plays"] += seconds
        return roles

    def summary(self) -> str:
        """Name the longest tasks in one line, empty where none took a second."""
        counted = [(task, round(seconds)) for task, seconds in self.tasks.most_common(_SHOWN)]
        longest = [f"{task.rpartition(' : ')[2]} {seconds} s" for task, seconds in counted if seconds]
        return f"; longest: {', '.join(longest)}" if longest else ""

    def report(self) -> Iterator[str]:
        """Yield the lines of a report: seconds of each role, then of each task, the longest first."""
        for title, counter in (("ROLES", self.roles), ("TASKS", self.tasks)):
            yield f"\n{title} BY TIME"
            yield from _rows(counter.most_common())


def _rows(counted: Iterable[tuple[str, float]]) -> Iterator[str]:
    for name, seconds in counted:
        yield f"{seconds:8.1f} s  {name}"
