"""Where a playbook's time goes is told by Ansible's own events: each task until the next, the last until the end."""

from testbed.provision.events import PlaybookRun


def told(*names: str) -> PlaybookRun:
    """Let a run hear tasks that begin a second, two, three... after each other, then its end."""
    run, second = PlaybookRun(lambda _text: None), 0
    for step, name in enumerate(names, start=1):
        run.hear({"event": "playbook_on_task_start", "created": _at(second), "event_data": {"name": name}})
        second += step
    stats = {"processed": {"www": 1}, "ok": {"www": 1}, "changed": {}, "failures": {}, "dark": {}}
    run.hear({"event": "playbook_on_stats", "created": _at(second), "event_data": stats})
    return run


def _at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}.000000+00:00"


def test_the_longest_tasks_are_named_in_one_line() -> None:
    timing = told(
        "mecai.infrastructure.nginx : Install nginx", "Trust", "mecai.infrastructure.nginx : Run", "Wait"
    ).timing
    assert timing.summary() == "; longest: Wait 4 s, Run 3 s, Trust 2 s"


def test_a_task_that_took_no_second_is_none_of_the_longest() -> None:
    run = PlaybookRun(lambda _text: None)
    for name, created in (("Quick", "00.0"), ("Long", "00.4"), ("Again", "03.0"), ("", "03.1")):
        run.timing.begin(name, f"2026-01-01T00:00:{created}+00:00")
    assert run.timing.summary() == "; longest: Long 3 s"


def test_the_report_has_each_role_and_each_task_the_longest_first() -> None:
    timing = told("mecai.infrastructure.nginx : Install nginx", "Trust", "mecai.infrastructure.nginx : Run").timing
    assert list(timing.report()) == [
        "\nROLES BY TIME", "     4.0 s  nginx", "     2.0 s  tasks of plays",
        "\nTASKS BY TIME", "     3.0 s  nginx : Run", "     2.0 s  Trust", "     1.0 s  nginx : Install nginx",
    ]  # fmt: skip


def test_a_run_that_tells_no_times_has_none() -> None:
    run = PlaybookRun(lambda _text: None)
    run.hear({"event": "playbook_on_task_start", "event_data": {"name": "Install"}})
    assert run.timing.summary() == ""
