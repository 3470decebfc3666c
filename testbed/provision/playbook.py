"""Converge the lab's hosts: run `converge/site.yml` with Ansible and tell what it changed, or why it failed."""

import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ansible_runner.config.runner import RunnerConfig
from ansible_runner.runner import Runner

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note
from testbed.provision.events import Event, Failure, PlaybookRun

SITE = Path(__file__).parent / "converge" / "site.yml"
_SERVICE = re.compile(r"Unable to (?:re)?start service (\S+):")


class TaskError(HostError):
    """A task that failed on a host of the lab, whose journal is the next thing to look at."""

    def __init__(self, lab: Lab, failure: Failure, hint: str = "") -> None:
        super().__init__(f"{failure}{hint}")
        self._look = f"testbed exec {failure.host} --lab {lab.id} -- journalctl --boot --lines=50"

    def diagnostics(self) -> str:
        """Return the command to look further."""
        return self._look


def converge(driver: Driver, note: Note, site: Path = SITE) -> str:
    """Run the playbook; returns its counts. Raises `HostError` that names the task, the host and the cause."""
    progress = PlaybookRun(note)
    status = _run(driver.lab, site, progress)
    if status == "timeout":
        raise HostError(f"ansible-playbook: no end after {LIMITS.converge_seconds:.0f} s")
    if failure := progress.failure:
        raise TaskError(driver.lab, failure, _in_use(driver, failure))
    if status != "successful":
        raise HostError(f"ansible-playbook: {status}: {progress.last_words or 'it said nothing'}")
    return f"{progress.hosts} hosts, ok={progress.ok} changed={progress.changed}{progress.timing.summary()}"


def _run(lab: Lab, site: Path, progress: PlaybookRun) -> str:
    """Run a playbook to its end, its output to the lab's log; returns ansible-runner's word for how it ended."""
    workshop = lab.ansible_config.with_name("runner")
    shutil.rmtree(workshop, ignore_errors=True)  # what modules answered in the last run
    workshop.mkdir(parents=True, mode=0o700)
    log = lab.log("converge")
    log.parent.mkdir(parents=True, exist_ok=True)
    runner: Any = Runner
    with log.open("w", encoding="utf-8", buffering=1) as sink, _bounded(progress) as late:
        status, _ = runner(_config(lab, site, workshop), event_handler=partial(_hear, progress, sink)).run()
        sink.writelines(f"{line}\n" for line in progress.timing.report())
    return "timeout" if late.is_set() else str(status)


def _hear(progress: PlaybookRun, sink: TextIO, event: Event) -> bool:
    if text := event.get("stdout"):
        sink.write(f"{text}\n")
    progress.hear(event)
    return False  # no file for the event


@contextmanager
def _bounded(progress: PlaybookRun) -> Iterator[threading.Event]:
    """Ask Ansible to end when its time is over: its workers are sessions of their own, which it alone ends.

    However it ends, nothing of its group stays: mitogen's multiplexer ignores an interruption for seconds.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        if progress.process:
            os.kill(progress.process, signal.SIGTERM)

    timer = threading.Timer(LIMITS.converge_seconds, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        timer.join()  # what it ends might be another process afterwards
        if progress.process:
            with suppress(ProcessLookupError):
                os.killpg(progress.process, signal.SIGKILL)


def _config(lab: Lab, site: Path, workshop: Path) -> Any:  # noqa: ANN401 - ansible-runner has no types
    environment = {"ANSIBLE_CONFIG": str(lab.ansible_config), "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    make: Any = RunnerConfig
    config = make(
        private_data_dir=str(workshop),
        playbook=str(site),
        inventory=str(lab.inventory),
        extravars={"hosts_at_once": "100%"},  # nobody relies on a lab's hosts while they change
        envvars=environment,
        quiet=True,
        timeout=LIMITS.converge_seconds + LIMITS.kill_seconds,  # should it not end when asked to
    )
    config.prepare()
    config.suppress_output_file = True  # the lab's log has it all; only now, since preparing sets it back
    # The program of this environment, which ends with this process, however this process ends.
    config.command = ["setpriv", "--pdeathsig", "TERM", "--", str(_program()), *config.command[1:]]
    return config


def _in_use(driver: Driver, failure: Failure) -> str:
    """Say which port or address was in use, when that kept a service of the host from starting."""
    service = _SERVICE.search(failure.message)
    if not service:
        return ""
    options = ["--boot", "--quiet", "--output=cat", "--lines=1", "--grep= in use", f"--unit={service[1]}"]
    said = tools.answer(driver.enter(failure.host, ["journalctl", *options]))
    return f" {said}: end what holds it there (ss --listening --processes)" if said else ""


def _program() -> Path:
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = beside if beside.exists() else shutil.which("ansible-playbook")
    if not found:
        raise HostError("ansible-playbook: not found: install the packages of requirements/dev.txt in this environment")
    return Path(found)
