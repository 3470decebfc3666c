"""What the module makes of the staple directory: live pick-up, and files that are damaged, foreign or out of time."""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from mecai.protocol import oids
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.limits import LIMITS
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.tls import ask
from tests.pki import Hierarchy, key
from tests.scene import Scene, authority_entry

MECAI_FILES_MAX = 1024  # of mecai_voucher_zone.h, as the next
MECAI_REFUSALS_MAX = 100


PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class Refusal:
    """A file that must never be served, with what the log says of it, beside a good one of the same authority."""

    authority: bytes
    good: bytes
    content: bytes
    complaint: str


def refusals(scene: Scene) -> list[Refusal]:
    """Return one case per way of being wrong, each under an authority of its own."""
    other = scene.alder.server("other.example.test")
    then, later = scene.now - timedelta(hours=2), scene.now + timedelta(hours=2)
    damaged, unsigned = "damaged: not one CMS object in DER", "damaged: the signature does not verify"
    makers: list[tuple[Callable[[Hierarchy, bytes], bytes], str]] = [
        (lambda _, __: b"", damaged),
        (lambda _, __: b"hello", damaged),
        (lambda _, good: good[:-1], damaged),
        (lambda _, good: good + b"\0", damaged),
        (lambda _, good: _flip(good, good.index(b"MOZ")), unsigned),
        (lambda _, good: _flip(good, len(good) - 1), unsigned),
        (lambda _, __: bytes(16385), "larger than 16384 octets"),
        (
            lambda va, _: scene.voucher(va, this_update=then, next_update=then + timedelta(hours=1)),
            "expired, its nextUpdate was 20",
        ),
        (
            lambda va, _: scene.voucher(va, this_update=later, next_update=later + timedelta(hours=1)),
            "not yet valid, its thisUpdate is 20",
        ),
        (lambda _, __: scene.voucher(scene.cedar), "foreign: of another Voucher Authority"),
        (lambda va, _: scene.voucher(va, site=other), "foreign: for another certificate"),
        (lambda _, __: scene.signed_directory(), "not a voucher: its content type"),
        *((partial(_keyed, scene, public), "the key of its certificate is none of P-256") for public in strange_keys()),
    ]
    cases = []
    for number, (make, complaint) in enumerate(makers):
        hierarchy = Hierarchy(f"bad{number}", scene.now)
        good = scene.voucher(hierarchy)
        cases.append(Refusal(authority_entry(hierarchy).authority, good, make(hierarchy, good), complaint))
    return cases


def strange_keys() -> tuple[PublicKey, ...]:
    """Return keys that no voucher has (K3): another curve, and RSA that takes long, by its modulus and its exponent."""
    return (
        key("strange", ec.SECP521R1).public_key(),
        rsa.RSAPublicNumbers(65537, (1 << 16383) + 1).public_key(),
        rsa.RSAPublicNumbers((1 << 2047) + 1, (1 << 2047) + 3).public_key(),
    )


def _keyed(scene: Scene, public: PublicKey, va: Hierarchy, _: bytes) -> bytes:
    """Return a voucher whose certificate has that key, and whose signature is another's."""
    template = va.voucher
    builder = (
        x509.CertificateBuilder()
        .subject_name(template.certificate.subject)
        .issuer_name(template.certificate.issuer)
        .public_key(public)
        .serial_number(template.certificate.serial_number)
        .not_valid_before(template.certificate.not_valid_before_utc)
        .not_valid_after(template.certificate.not_valid_after_utc)
    )
    certificate = builder.sign(va.root.key, SHA256())
    content = scene.info(va).encode()
    return sign_content(oids.ID_CT_VOUCHER_INFO, content, template.key, certificate, [va.ocsp(template)])


def answered(site: Site, cases: Sequence[Refusal]) -> tuple[bytes, ...]:
    """Ask for the vouchers of all cases; return what comes."""
    choice = RequestExtension(len(cases), tuple(case.authority for case in cases))
    return ask(site.port, choice.encode()).vouchers or ()


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


def test_renamed_file_is_served_without_reload(site: Site) -> None:
    first, second = (site.scene.voucher(site.scene.birch, serial_number=number) for number in (1, 2))
    site.put(first)
    site.start()
    assert site.served() == first
    site.put(second)
    site.until(lambda: site.served() == second)


def test_directory_that_appears_later(site: Site) -> None:
    site.start()
    assert site.served() is None
    assert site.nginx.voucher_log[-1].startswith("nothing to staple for the certificate in use: directory")
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher)
    site.until(lambda: site.served() == voucher)
    assert len(site.nginx.voucher_log) == 1


def test_removed_file_is_served_no_more(site: Site) -> None:
    site.put(site.scene.voucher(site.scene.birch))
    site.start()
    assert site.served() is not None
    (site.nginx.staples.place(site.scene.site) / f"{site.authority.hex()}.voucher").unlink()
    site.until(lambda: site.served() is None)
    assert site.nginx.voucher_log == []


def test_bad_file_is_named_once_and_the_good_one_stays(site: Site) -> None:
    """As many authorities as cases: each has a good voucher, which a bad file then replaces."""
    cases = refusals(site.scene)
    for case in cases:
        site.nginx.staples.voucher(site.scene.site, case.authority, case.good)
    site.start()
    assert answered(site, cases) == tuple(case.good for case in cases)
    for case in cases:
        site.nginx.staples.voucher(site.scene.site, case.authority, case.content)
    site.until(lambda: len(site.nginx.voucher_log) >= len(cases))
    for case in cases:
        (line,) = [line for line in site.nginx.voucher_log if f"{case.authority.hex()}.voucher" in line]
        assert f'" is not served: {case.complaint}' in line
        assert "; what it held before, with nextUpdate 20" in line
    assert answered(site, cases) == tuple(case.good for case in cases)
    assert len(site.nginx.voucher_log) == len(cases)


def test_bad_file_is_never_served(site: Site) -> None:
    cases = refusals(site.scene)
    for case in cases:
        site.nginx.staples.voucher(site.scene.site, case.authority, case.content)
    good = site.scene.voucher(site.scene.birch)
    site.put(good)
    site.start()
    assert answered(site, cases) == ()
    assert site.served() == good
    assert len(site.nginx.voucher_log) == len(cases)


def test_voucher_that_becomes_valid_is_taken_then(site: Site) -> None:
    """The file does not change; the one that it replaced serves until then."""
    good = site.scene.voucher(site.scene.birch)
    site.put(good)
    site.start()
    assert site.served() == good
    begin = datetime.now(UTC).replace(microsecond=0) + LIMITS.clock_skew + timedelta(seconds=8)
    ahead = site.scene.voucher(site.scene.birch, this_update=begin, next_update=begin + timedelta(hours=1))
    site.put(ahead)
    site.until(lambda: bool(site.nginx.voucher_log))
    assert site.served() == good
    site.until(lambda: site.served() == ahead)
    assert datetime.now(UTC) >= begin - LIMITS.clock_skew
    assert len(site.nginx.voucher_log) == 1


def test_good_voucher_outlives_a_foreign_file_and_a_reload(site: Site) -> None:
    """A genuine voucher for another certificate, over a good one: memory is all that holds that one."""
    good = site.scene.voucher(site.scene.birch)
    foreign = site.scene.voucher(site.scene.birch, site=site.scene.alder.server("other.example.test"))
    site.put(good)
    site.start()
    assert site.served() == good
    site.put(foreign)
    site.until(lambda: bool(site.nginx.voucher_log))
    assert {site.served() for _ in range(12)} == {good}
    (line,) = site.nginx.voucher_log
    assert "foreign: for another certificate" in line
    assert "; what it held before, with nextUpdate 20" in line
    old = site.nginx.worker_pids()
    site.nginx.reload()
    site.until(lambda: not old & site.nginx.worker_pids())
    assert {site.served() for _ in range(12)} == {good}
    assert site.nginx.voucher_log == [line]


def test_only_regular_files_under_our_names(site: Site, nginx: Nginx) -> None:
    """A link, a FIFO and a directory are refused; a temporary file and a stranger's are passed over in silence."""
    good = site.scene.voucher(site.scene.birch)
    place = nginx.staples.place(site.scene.site)
    elsewhere = nginx.home / "elsewhere"
    elsewhere.write_bytes(good)
    (place / f"{site.authority.hex()}.voucher").symlink_to(elsewhere)
    os.mkfifo(place / f"{site.authority.hex()}-fifo.voucher")
    (place / f"{site.authority.hex()}-folder.voucher").mkdir()
    (place / "birch.voucher").write_bytes(good)
    (place / f"{site.authority.hex().upper()}.voucher").write_bytes(good)
    for silent in (f".{site.authority.hex()}.voucher", f"{site.authority.hex()}.voucher.new", "README", "x" * 200):
        (place / silent).write_bytes(good)
    site.start()
    assert site.served() is None
    assert len(nginx.voucher_log) == 4  # all bad names in one line
    nginx.staples.voucher(site.scene.site, site.authority, good, "-good")
    site.until(lambda: site.served() == good)


def test_linked_directory_is_not_followed(site: Site, nginx: Nginx) -> None:
    site.put(site.scene.voucher(site.scene.birch))
    place = nginx.staples.place(site.scene.site)
    place.rename(nginx.home / "moved")
    place.symlink_to(nginx.home / "moved")
    site.start()
    assert site.served() is None


def test_every_worker_picks_up(site: Site) -> None:
    site.nginx.workers = 3
    first, second = (site.scene.voucher(site.scene.birch, serial_number=number) for number in (1, 2))
    site.put(first)
    site.start()
    assert {site.served() for _ in range(12)} == {first}
    site.put(second)
    site.settle(second)


def test_reload_keeps_answering(site: Site) -> None:
    good = site.scene.voucher(site.scene.birch)
    site.put(good)
    site.start()
    for _ in range(3):
        site.nginx.reload()
        assert {site.served() for _ in range(5)} == {good}


def test_module_is_upgraded_and_removed_by_reload(site: Site, nginx: Nginx) -> None:
    """The old shared object is unloaded: OpenSSL, which stays, must not be left with a pointer into it."""
    good = site.scene.voucher(site.scene.birch)
    site.put(good)
    nginx.modules = Path(
        shutil.copytree(nginx.modules, nginx.home / "modules", ignore=shutil.ignore_patterns("*.o", "src"))
    )
    site.start()
    assert site.served() == good
    module = nginx.modules / "ngx_http_voucher_module.so"
    shutil.copy(module, nginx.home / "upgrade.so")
    (nginx.home / "upgrade.so").rename(module)
    for limit, expected in ((512, None), (64000, good)):
        nginx.reload(nginx.server(site.port, site.scene.site, options=f"voucher_max_size {limit};"))
        site.settle(expected)
    nginx.load = False
    nginx.reload(nginx.server(site.port, site.scene.site))
    site.settle(None)


def test_module_with_another_layout_of_the_zone(site: Site, nginx: Nginx) -> None:
    """An upgrade that a reload loads beside a zone it cannot read: it fills one of its own before it serves."""
    first, second = (site.scene.voucher(site.scene.birch, serial_number=number) for number in (1, 2))
    site.put(first)
    nginx.modules = Path(
        shutil.copytree(nginx.modules, nginx.home / "modules", ignore=shutil.ignore_patterns("*.o", "src"))
    )
    module = nginx.modules / "ngx_http_voucher_module.so"
    site.start()
    assert site.served() == first
    (number,) = re.findall(rb"\0mecai_voucher:(\d)\0", module.read_bytes())
    for layout, other in ((number, b"9"), (b"9", number)):
        upgrade = nginx.home / "upgrade.so"
        upgrade.write_bytes(module.read_bytes().replace(b"\0mecai_voucher:" + layout, b"\0mecai_voucher:" + other))
        upgrade.rename(module)
        old = nginx.worker_pids()
        nginx.reload()
        site.until(partial(_replaced, nginx, old))
        assert {site.served() for _ in range(6)} == {first}
    site.put(second)
    site.settle(second)


def _replaced(nginx: Nginx, workers: set[int]) -> bool:
    return not workers & nginx.worker_pids()


def test_too_many_files_are_said_once(site: Site) -> None:
    for number in range(MECAI_FILES_MAX + 2):
        site.nginx.staples.put(site.scene.site, f"{number:016x}.voucher", b"bad")
    site.start()
    site.until(lambda: len(site.nginx.voucher_log) > MECAI_REFUSALS_MAX)
    complaints = [line for line in site.nginx.voucher_log if f"holds more than {MECAI_FILES_MAX} vouchers" in line]
    assert len(complaints) == 1
    assert len(site.nginx.voucher_log) == MECAI_REFUSALS_MAX + 1
