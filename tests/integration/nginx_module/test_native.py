"""The parts of the module that know no nginx, with their tests and fuzz targets in C, sanitized."""

import subprocess

import pytest

from tests.integration.nginx_module.server import SANITIZE, SHIM


@pytest.mark.skipif(SANITIZE, reason="the same are sanitized always; the other build has it")
def test_parts_without_nginx() -> None:
    done = subprocess.run(["make", "-s", "-C", SHIM, "native"], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().count(": good") == 11
