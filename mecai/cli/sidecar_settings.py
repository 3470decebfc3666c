"""What the verbs of `mecai sidecar` share: the settings, whose user does the work, and what is outside."""

import os
import pwd
import random
from collections.abc import Iterator
from contextlib import contextmanager

from mecai.cli.arguments import config_option, now
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.kinds import kinds_of
from mecai.sidecar.refresh import Environment

with_config = config_option("/etc/mecai/sidecar.toml", "The sidecar's configuration.")


def environment() -> Environment:
    """Return this machine's clock and chance, and the real ways out."""
    return Environment(clock=now, rng=random.SystemRandom(), kinds=kinds_of)


def become_owner(config: SidecarConfig) -> SidecarConfig:
    """Let root become the user of the sidecar's state, so that no file comes to belong to root; return the settings."""
    if os.geteuid() == 0 and config.state.is_dir() and (owner := config.state.stat()).st_uid != 0:
        _take_groups(owner)
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    return config


@contextmanager
def as_owner(config: SidecarConfig) -> Iterator[None]:
    """Let root be the user of the sidecar's state for a while, with that user's groups, as `become_owner` for good."""
    owner = config.state.stat() if os.geteuid() == 0 and config.state.is_dir() else None
    if owner is None or owner.st_uid == 0:
        yield
        return
    groups = os.getgroups()
    try:
        _take_groups(owner)
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _take_groups(owner: os.stat_result) -> None:
    """Have the groups of a user; one without a name, as containers have them, has that of the folder alone."""
    try:
        name = pwd.getpwuid(owner.st_uid).pw_name
    except KeyError:
        os.setgroups([owner.st_gid])
    else:
        os.initgroups(name, owner.st_gid)
