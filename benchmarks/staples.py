"""Staple directories as large as the nginx module is to carry: 1,000 certificates times 60 vouchers (minutes)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.integration.nginx_module.server import Staples
from tests.pki import Hierarchy, Issued
from tests.scene import Scene, authority_entry

CERTIFICATES: Final = 1000
AUTHORITIES: Final = 60


def scene_of_today() -> Scene:
    """Return a scene whose clock is the real one: nginx has no other."""
    now = datetime.now(UTC).replace(microsecond=0)
    alder, birch, cedar, dogwood = (Hierarchy(name, now) for name in ("alder", "birch", "cedar", "dogwood"))
    return Scene(now=now, alder=alder, birch=birch, cedar=cedar, dogwood=dogwood)


def fill(staples: Staples, scene: Scene, count: int = CERTIFICATES, each: int = AUTHORITIES) -> list[Issued]:
    """Write `each` vouchers of as many authorities, and a staple, for `count` certificates; return these.

    They are named `site0.example.test` and so on; the last authority is birch.
    """
    others = [Hierarchy(f"ca{number}", scene.now) for number in range(each - 1)]
    authorities = [(va, authority_entry(va).authority, va.ocsp(va.voucher)) for va in (*others, scene.birch)]
    sites = []
    for number in range(count):
        site = scene.alder.server(f"site{number}.example.test")
        sites.append(site)
        evidence = scene.evidence(site)
        place = staples.place(site)
        (place / "ocsp.der").write_bytes(scene.alder.ocsp(site))
        for va, authority, status in authorities:
            der = scene.voucher(va, site=site, evidence=evidence, authority_status=status)
            (place / f"{authority.hex()}.voucher").write_bytes(der)
    return sites


def certificate_files(home: Path, sites: list[Issued]) -> list[tuple[Path, Path]]:
    """Write certificates and keys; return their paths."""
    made = []
    for number, site in enumerate(sites):
        chain, key = home / f"site{number}.pem", home / f"site{number}.key"
        chain.write_bytes(site.chain_pem)
        key.write_bytes(site.key_pem)
        made.append((chain, key))
    return made
