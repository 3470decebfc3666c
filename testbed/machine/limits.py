"""Every bound of the lab in one place, each with its unit in the name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LabLimits:
    """How long each step may take and how much room it needs."""

    disk_bytes_image: int = 3 * 1024**3
    disk_bytes_lab: int = 1 * 1024**3
    kept_labs_bytes: int = 1 * 1024**3
    archive_header_bytes: int = 16 * 1024**2
    inotify_instances_per_host: int = 5

    poll_interval_seconds: float = 0.1
    command_seconds: float = 30
    silence_seconds: float = 5
    wheel_seconds: float = 60
    apt_update_seconds: float = 120
    image_seconds: float = 420
    boot_seconds: float = 60
    converge_seconds: float = 1800
    health_check_seconds: float = 10
    health_interval_seconds: float = 1
    health_settle_seconds: float = 60
    halt_seconds: float = 15
    kill_seconds: float = 10
    freeze_seconds: float = 10
    pack_seconds: float = 300

    # From when on a lab that was put away asks for new status and vouchers: the roles' timers run each hour.
    status_lasts_hours: float = 1
    # And from when on for Ansible: its roles renew what ends within ten days, so that nothing ends before.
    converged_lasts_days: float = 7

    ansible_forks: int = 12

    client_seconds: int = 15
    recording_seconds: int = 600
    recording_bytes: int = 256 * 1024**2
    relay_seconds: int = 3600
    random_draws: int = 60
    sticky_keys: int = 2000

    suite_seconds: float = 900
    said_characters: int = 4000
    evidence_characters: int = 64 * 1024


LIMITS = LabLimits()
