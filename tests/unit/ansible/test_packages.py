"""What roles install is read by others: the mirror of plain hosts, and who prepares a network without one."""

import re

from tests.deploy.image import _offered


def test_packages_are_named_in_full() -> None:
    """A template in a name would be known to Ansible alone."""
    assert [name for name in _offered() if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name)] == []
