"""What `ansible-galaxy collection build` packs."""

import shutil
import tarfile
from pathlib import Path

from tests.unit.ansible.running import ANSIBLE, ansible


def test_the_users_inventories_are_not_packed(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ANSIBLE, checkout)
    mine = checkout / "inventories" / "mine"
    (mine / "group_vars").mkdir(parents=True)
    (mine / "group_vars" / "all.yml").write_text("voucher_authority_database: postgresql://mecai:secret@db/mecai\n")
    built = ansible(tmp_path, "ansible-galaxy", "collection", "build", str(checkout), "--output-path", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (archive,) = tmp_path.glob("mecai-infrastructure-*.tar.gz")
    with tarfile.open(archive) as packed:
        names = packed.getnames()
    assert "roles/service/tasks/main.yml" in names
    assert not [name for name in names if name.startswith(("inventories/mine", "ansible.cfg"))]
