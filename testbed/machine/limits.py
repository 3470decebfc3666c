"""Every bound of the lab in one place, each with its unit in the name."""

import os
from dataclasses import dataclass
from typing import Final

from mecai.errors import InputError

_PATIENCE_VARIABLE: Final = "MECAI_LAB_PATIENCE"
_MOST_PATIENCE: Final = 100
_LONGEST_TIMEOUT: Final = 600  # seconds that `mecai client` takes as its timeout


def read_patience(text: str) -> int:
    """Return how many times longer than usual this machine is waited for; raises `InputError` for no such factor."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_PATIENCE)) and 1 <= int(text) <= _MOST_PATIENCE:
        return int(text)
    expected = f"a whole number from 1 to {_MOST_PATIENCE}"
    raise InputError(
        f"{_PATIENCE_VARIABLE} is {text!r}, expected {expected}; unset it, but on a machine that is emulated"
    )


PATIENCE: Final = read_patience(os.environ.get(_PATIENCE_VARIABLE, "1"))


@dataclass(frozen=True)
class LabLimits:
    """How long each step may take and how much room it needs."""

    disk_bytes_image: int = 3 * 1024**3
    disk_bytes_lab: int = 1 * 1024**3
    kept_labs_bytes: int = 1 * 1024**3
    archive_header_bytes: int = 16 * 1024**2
    inotify_instances_per_host: int = 5

    poll_interval_seconds: float = 0.1
    command_seconds: float = 30 * PATIENCE
    silence_seconds: float = 5
    wheel_seconds: float = 60 * PATIENCE
    apt_update_seconds: float = 120 * PATIENCE
    image_seconds: float = 420 * PATIENCE
    boot_seconds: float = 60 * PATIENCE
    unit_start_seconds: float = 90 * PATIENCE  # a host's systemd ends what takes longer, and starts it again
    converge_seconds: float = 1800 * PATIENCE
    health_hosts_at_once: int = 8
    health_check_seconds: float = 10 * PATIENCE
    health_interval_seconds: float = 1
    health_settle_seconds: float = 60 * PATIENCE
    status_seconds: float = 180 * PATIENCE
    halt_seconds: float = 15 * PATIENCE
    kill_seconds: float = 10 * PATIENCE
    freeze_seconds: float = 10 * PATIENCE
    pack_seconds: float = 300 * PATIENCE

    # From when on a lab that was put away asks for new status and vouchers: the roles' timers run each hour.
    status_lasts_hours: float = 1
    # And from when on for Ansible: its roles renew what ends within ten days, so that nothing ends before.
    converged_lasts_days: float = 7

    ansible_forks: int = 12
    connect_seconds: int = 60 * PATIENCE  # to a host: Ansible's own 10 are too few for 33 at once

    client_seconds: int = min(15 * PATIENCE, _LONGEST_TIMEOUT)
    patient_client_seconds: int = min(30 * PATIENCE, _LONGEST_TIMEOUT)
    curl_seconds: int = 10 * PATIENCE
    responder_seconds: int = 5 * PATIENCE
    measured_seconds: float = 60 * PATIENCE
    recording_seconds: int = 600
    recording_bytes: int = 256 * 1024**2
    relay_seconds: int = 3600
    mail_seconds: float = 90 * PATIENCE  # a VAS's worker looks every 5 s, a relay that was away is asked again after 60
    name_seconds: float = 30 * PATIENCE
    random_draws: int = 60
    sticky_keys: int = 2000

    suite_seconds: float = 900 * PATIENCE
    said_characters: int = 4000
    evidence_characters: int = 64 * 1024


LIMITS = LabLimits()
