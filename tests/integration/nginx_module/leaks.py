"""Look for leaks with valgrind: `make valgrind` of the module (10,000 handshakes, 100 reloads; 8 minutes of a core).

    python -m tests.integration.nginx_module.leaks [HANDSHAKES [RELOADS]]

Exits with 1 where memory that the module asked for is lost, or used wrongly, in any process of a real nginx.
"""

import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.staples import scene_of_today
from mecai.protocol.codec.tls_request import RequestExtension
from tests.integration.nginx_module.server import Nginx, Staples, build_modules
from tests.integration.nginx_module.tls import TLS12, TLS13, ask
from tests.ports import free_port
from tests.scene import authority_entry

HANDSHAKES: Final = 10_000
RELOADS: Final = 100
OURS: Final = re.compile(r"mecai_|ngx_\w+_voucher_")
SECONDS: Final = 120


class Watched(Nginx):
    """An nginx below valgrind, whose reports lie beside its log."""

    def _tracer(self) -> list[str]:
        report = f"--log-file={self.home}/valgrind.%p"
        return [
            "valgrind",
            "-q",
            "--trace-children=yes",
            "--keep-debuginfo=yes",
            "--leak-check=full",
            "--show-leak-kinds=definite",
            report,
        ]


def main(handshakes: int = HANDSHAKES, reloads: int = RELOADS) -> int:
    """Shake hands, write and reload; return 1 where a report names the module."""
    scene = scene_of_today()
    authority = authority_entry(scene.birch).authority
    request, port = RequestExtension(1, (authority,)).encode(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        nginx = Watched(home, build_modules(), Staples(home / "staples"), workers=1)
        nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))
        vouchers = [scene.voucher(scene.birch, serial_number=number) for number in (1, 2)]
        nginx.staples.voucher(scene.site, authority, vouchers[0])
        nginx.start(nginx.server(port, scene.site, options="voucher_ocsp on;"))
        try:
            answered = 0
            for number in range(handshakes):
                if number % max(1, handshakes // reloads) == 0:
                    nginx.staples.voucher(scene.site, authority, vouchers[number // 7 % 2])
                    _reload(nginx)
                version = TLS12 if number % 2 else TLS13
                answered += bool(ask(port, request, version=version, status=version == TLS13).vouchers)
        finally:
            nginx.stop()
        reports = [text for path in sorted(home.glob("valgrind.*")) for text in _findings(path.read_text())]
    found = f"{len(reports)} findings in the module"
    sys.stdout.write(f"leaks: {answered} of {handshakes} handshakes answered, {reloads} reloads, {found}\n")
    sys.stdout.write("\n".join(reports[:5]))
    return 1 if reports or answered < handshakes else 0


def _reload(nginx: Nginx) -> None:
    """Reload, and wait until the old worker is gone: else they would pile up, slow as they are here."""
    old = nginx.worker_pids()
    nginx.reload()
    deadline = time.monotonic() + SECONDS
    while old & nginx.worker_pids():
        if time.monotonic() > deadline:
            raise TimeoutError(f"old workers are still there:\n{nginx.log}")
        time.sleep(0.05)  # between two looks, up to the deadline: nginx says to nobody that a worker went


def _findings(report: str) -> list[str]:
    """Return the parts of a report that name the module."""
    parts = re.split(r"^==\d+== \n", report, flags=re.MULTILINE)
    return [part for part in parts if OURS.search(part)]


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
