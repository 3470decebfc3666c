"""What Ansible tells while it runs, event by event (ansible-runner): progress, counts, the failure that ended it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from testbed.machine.waiting import Note
from testbed.provision.timing import Timing

# One event of ansible-runner: `event` names it, `event_data` has the rest, `stdout` what a terminal would show.
Event = Mapping[str, Any]

# How Ansible begins a line when it cannot even start.
_ERROR = ("[ERROR]", "ERROR!")


@dataclass(frozen=True)
class Failure:
    """A task that failed on a host, and why."""

    host: str
    task: str
    message: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"task {self.task!r} on {self.host}: {self.message}"


@dataclass
class PlaybookRun:
    """One run of a playbook, as its events tell it: its failures, its counts, its process."""

    note: Note
    ok: int = 0
    changed: int = 0
    hosts: int = 0
    process: int = 0
    last_words: str = ""
    timing: Timing = field(default_factory=Timing)
    _failures: list[Failure] = field(default_factory=list)
    _failed_hosts: frozenset[str] = frozenset()

    @property
    def failure(self) -> Failure | None:
        """What ended the first host that did not get over a failure, None when no host failed.

        Of its failures the last task's: a rescue that fails says what it found out. Of a loop the first item.
        """
        host = next((each.host for each in self._failures if each.host in self._failed_hosts), None)
        of_host = [failure for failure in self._failures if failure.host == host]
        return next((failure for failure in of_host if failure.task == of_host[-1].task), None)

    def hear(self, event: Event) -> None:
        """Take one event."""
        data = event.get("event_data", {})
        self.process = event.get("pid") or self.process
        match event["event"]:
            case "playbook_on_task_start" | "playbook_on_handler_task_start":
                self.note(str(data["name"]))
                self._time(str(data["name"]), event)
            case "runner_on_start":
                self.note(f"{data['task']}: {data['host']}")
            case "runner_on_failed" | "runner_item_on_failed" | "runner_on_unreachable":
                self._take_failure(data)
            case "playbook_on_stats":
                self._count(data)
                self._time("", event)
            case "verbose":
                self._listen(event.get("stdout", "").strip())

    def _time(self, task: str, event: Event) -> None:
        if created := event.get("created"):
            self.timing.begin(task, str(created))

    def _take_failure(self, data: Mapping[str, Any]) -> None:
        if not data.get("ignore_errors"):
            self._failures.append(Failure(data["host"], data["task"], message(data.get("res", {}))))

    def _listen(self, line: str) -> None:
        """Keep the first line that Ansible itself calls an error, until there is one the latest that says anything."""
        if line and not self.last_words.startswith(_ERROR):
            self.last_words = line

    def _count(self, stats: Mapping[str, Any]) -> None:
        self.hosts = len(stats["processed"])
        self.ok, self.changed = sum(stats["ok"].values()), sum(stats["changed"].values())
        self._failed_hosts = frozenset(stats["failures"]) | frozenset(stats["dark"])


def message(result: Mapping[str, Any]) -> str:
    """Return in one line why a task failed: what its module said, with the last words of its program if it ran one."""
    words = [str(result.get("msg", "")).strip()]
    for stream in ("stderr", "module_stderr", "module_stdout"):
        if lines := str(result.get(stream, "")).strip().splitlines():
            words.append(lines[-1].strip())
            break
    return " ".join(": ".join(dict.fromkeys(filter(None, words))).split()) or "it said nothing"
