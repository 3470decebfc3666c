"""A plain Debian machine in a container: made anew, booted with its own systemd, there until it powers itself off.

It uses this machine's network, mirrors and certificates, which are handed in when it is made, and has every capability,
as a root file system on hardware would; the lab in it makes namespaces, mounts and containers of its own.
"""

import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.nspawn import cgroups
from testbed.machine import mounts, tools
from testbed.machine.lab import REPOSITORY, write_file
from testbed.machine.limits import LIMITS
from testbed.provision.image import build
from tests.booted.trial import RESULT, TRIAL, Step

PLACE = REPOSITORY / "build" / "booted"
_BOUND = 3 * 3600  # seconds for a whole trial
_PACKAGES = "ca-certificates,dbus,git,make,python3,systemd-sysv"
# What this machine's programs need to reach their mirrors; the machine in the container has the same way out.
_HANDED_IN = ("/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt", "/usr/local/share/ca-certificates")
_VARIABLES = re.compile(r"(?i)(https?|no)_proxy|PIP_(INDEX_URL|CERT|PROXY|TRUSTED_HOST|DEFAULT_TIMEOUT)|SSL_CERT_FILE")
# systemd-sysctl would set what is this machine's; the timers start whatever is due, in the midst of the trial.
_MASKED = (
    "systemd-sysctl.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "fstrim.timer",
)
_UNIT = """\
[Unit]
Description=Try the lab
SuccessAction=poweroff
FailureAction=poweroff

[Service]
Type=oneshot
Environment=HOME=/root
EnvironmentFile=/etc/trial.environment
WorkingDirectory=/root/checkout
ExecStart=/usr/bin/python3 -m tests.booted.trial {words}
StandardOutput=append:{trial}/trial.log
StandardError=append:{trial}/trial.log

[Install]
WantedBy=multi-user.target
"""


def play(release: str, words: Sequence[str], *, cached_image: bool) -> list[Step]:
    """Make the machine, let it run the trial, and return its steps; raises `HostError` when it cannot be made."""
    place = PLACE / release
    _clear(release)
    (place / "trial").mkdir(parents=True)
    root = _make(place, release)
    tools.run(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, root / "root" / "checkout"], seconds=60)
    if cached_image:
        image = build.wanted()
        held = root / image.directory.relative_to("/")
        held.parent.mkdir(parents=True)
        tools.run(["cp", "--archive", image.directory, held], seconds=LIMITS.image_seconds)
    _arrange(root, words)
    try:
        _boot(release)
    finally:
        cgroups.end(_label(release))
        mounts.release(place)
    if not (result := place / "trial" / RESULT).exists():
        raise HostError(f"{release}: no step was done; see {place}")
    shutil.rmtree(root)
    return [Step(**step) for step in json.loads(result.read_text(encoding="utf-8"))]


def _label(release: str) -> str:
    return f"mecai-booted.{release}"


def _clear(release: str) -> None:
    """Remove what an earlier trial left that was killed."""
    cgroups.end(_label(release))
    mounts.release(PLACE / release)
    with suppress(FileNotFoundError):
        shutil.rmtree(PLACE / release)


def _make(place: Path, release: str) -> Path:
    options = [f"--aptopt={line}" for line in build.acquire_options()]
    fixed = ["--mode=root", "--variant=minbase", "--format=directory", f"--include={_PACKAGES}"]
    command = ["mmdebstrap", *fixed, *options, release, str(place / "root"), build.mirror()]
    with build.explained(place / "make.log"):
        tools.run_logged(command, place / "make.log", seconds=LIMITS.image_seconds)
    return place / "root"


def _arrange(root: Path, words: Sequence[str]) -> None:
    for path in map(Path, _HANDED_IN):
        target = root / path.relative_to("/")
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        elif path.exists():
            shutil.copyfile(path, target)
    own = "".join(f'{name}="{value}"\n' for name, value in os.environ.items() if _VARIABLES.fullmatch(name))
    write_file(root / "etc" / "trial.environment", own, 0o600)
    write_file(root / "etc" / "systemd" / "system" / "trial.service", _UNIT.format(words=" ".join(words), trial=TRIAL))
    tools.run(["systemctl", f"--root={root}", "mask", *_MASKED])
    tools.run(["systemctl", f"--root={root}", "enable", "trial.service"])


def _boot(release: str) -> None:
    """Run the machine until it powers itself off."""
    place = PLACE / release
    command = [
        *cgroups.starter(_label(release)),
        *("env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network"),
        *("systemd-nspawn", "--quiet", "--boot", f"--machine={_label(release)}", f"--directory={place / 'root'}"),
        *("--register=no", "--keep-unit", "--console=read-only", "--capability=all", "--kill-signal=SIGRTMIN+3"),
        *("--link-journal=no", "--resolv-conf=copy-host", "--timezone=off", f"--bind={place / 'trial'}:{TRIAL}"),
    ]
    tools.run_logged(command, place / "console.log", seconds=_BOUND)
