"""Filters that let nothing but host names into a host's files (nginx's settings, paths, certificate requests).

The control machine may have no `mecai`, so the form that `mecai.protocol.pki.names` gives a host name is said here
again; a unit test holds the two against each other.
"""

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = """
name: host_name
short_description: Let nothing pass but a host name
version_added: 1.1.0
description:
  - Returns the host name in lower case.
  - Fails for anything else, so that no text reaches a file as a host name that means something else there.
positional: _input
options:
  _input:
    type: str
    required: true
    description: The host name, labels of letters, digits and hyphens, without final dot, and no IP address.
  wildcard:
    type: bool
    default: false
    description: Let a leading C(*.) pass too, as in certificates.
"""

EXAMPLES = """
- name: Write which name is served
  ansible.builtin.debug:
    msg: "{{ 'WWW.example.org' | mecai.infrastructure.host_name }}"
"""

RETURN = """
_value:
  type: str
  description: The host name in lower case.
"""

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LENGTH = 253


def host_name(text: object, *, wildcard: bool = False) -> str:
    """Return the host name in lower case; raises `AnsibleFilterError` for what is none."""
    name = str(text).lower()
    labels = (name.removeprefix("*.") if wildcard else name).split(".")
    if len(name) > _LENGTH or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        expected = "labels of a-z, 0-9 and '-' (A-labels), without final dot, such as www.example.org"
        raise AnsibleFilterError(f"{str(text)!r} is no host name; expected {expected}")
    return name


class FilterModule:
    """What Ansible asks a file of filters for."""

    def filters(self) -> dict[str, Callable[[Any], Any]]:
        """Return the filters by name."""
        return {"host_name": host_name}
