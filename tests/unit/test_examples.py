"""What `docs/examples` has for operators to copy: systemd and the programs that they name take it as it is."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from mecai.cli.sidecar_slots import promote

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
@pytest.mark.parametrize("suffix", ["service", "timer"])
def test_systemd_has_nothing_to_say_of_a_unit(tmp_path: Path, suffix: str) -> None:
    for unit in EXAMPLES.glob("*@.*"):
        shutil.copy(unit, tmp_path)
    words = ["systemd-analyze", "verify", str(tmp_path / f"mecai-promote@.{suffix}")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "mecai" in line]  # of other units it may speak
    assert (done.returncode, said) == (0, [])


def test_the_timer_runs_a_command_that_there_is() -> None:
    lines = (EXAMPLES / "mecai-promote@.service").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart="))
    assert words[:4] == ["/usr/bin/env", "mecai", "sidecar", "promote"]
    given = promote.make_context("promote", words[4:]).params
    assert (given["slot"], given["command"], given["quorum"]) == (
        Path("/etc/mecai/tls/%i"),
        "systemctl reload nginx",
        2,
    )


def test_the_hook_says_in_one_line_that_certbot_runs_it() -> None:
    command = ["env", "-u", "RENEWED_LINEAGE", str(EXAMPLES / "certbot-deploy-hook")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("RENEWED_LINEAGE: is set by certbot\n")
