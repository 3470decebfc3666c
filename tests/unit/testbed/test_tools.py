"""A tool that is missing is named with its package, however it is called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mecai.errors import HostError
from testbed.machine import tools


@pytest.mark.parametrize("call", [tools.run, tools.become])
def test_a_missing_tool_is_named_with_its_package(
    call: Callable[[list[str]], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(HostError, match=r"^nsenter: not found: apt-get install util-linux$"):
        call(["nsenter", "-t", "1"])
