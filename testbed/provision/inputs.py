"""What decides how a converged lab looks, as one hash: the same inputs, the same lab, but for its keys.

The hash says nothing of where the checkout lies. The lab's id is part of it: no two labs share keys.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from testbed.machine.lab import REPOSITORY, Lab
from testbed.model import snapshot
from testbed.model.snapshot import Snapshot
from testbed.provision import inventory, playbook, wheel
from testbed.provision.image import build

# What Ansible runs and brings onto the hosts, besides mecai's wheel and what the inventory says.
_TREES = (REPOSITORY / "ansible", playbook.SITE.parent, REPOSITORY / "nginx_module_shim", REPOSITORY / "requirements")


def key(lab: Lab, made: Snapshot) -> str:
    """Return the hash of lab, plan, variables, roles, playbooks, wheel and image; the image must be there."""
    plan = json.loads(snapshot.encode(made))["plan"]
    variables = json.dumps([plan, inventory.inventory(lab, made.plan, Path("wheel"))], default=str, sort_keys=True)
    image = build.Image(made.image)
    told = [lab.id, variables.replace(str(REPOSITORY), ""), wheel.digest(), image.hash, image.packages]
    digest = hashlib.sha256("\0".join(told).encode())
    for file in (file for tree in _TREES for file in _files(tree)):
        content = file.read_bytes()
        digest.update(f"\0{file.relative_to(REPOSITORY)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _files(tree: Path) -> Iterator[Path]:
    """Yield the files of a tree, but for what tools leave in it."""
    for path in sorted(tree.rglob("*")):
        parts = path.relative_to(tree).parts
        if path.is_file() and not any(part.startswith(".") or part in {"__pycache__", "build"} for part in parts):
            yield path
