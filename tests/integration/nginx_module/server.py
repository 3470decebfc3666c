"""A real nginx with the module, started for one test on a port of loopback, and the staple directory it reads."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from mecai.protocol.pki.identity import certificate_hash
from tests.patience import SECONDS
from tests.pki import Issued

SHIM: Final = Path(__file__).resolve().parents[3] / "nginx_module_shim"
BUILD: Final = SHIM.parent / "build" / "nginx_module_shim"
SANITIZE: Final = bool(os.environ.get("MECAI_NGINX_SANITIZE"))
_OF_NGINX: Final = Path("/usr/lib/nginx/modules")
_BAD: Final = ("[alert]", "[emerg]", "[crit]", "exited on signal", "stale global SSL error")


def build_modules() -> Path:
    """Build the modules for this machine's nginx where sources changed; return their directory.

    MECAI_NGINX_MODULES names a directory of modules that were built elsewhere, for the nginx that is first on PATH.
    """
    if ready := os.environ.get("MECAI_NGINX_MODULES"):
        return Path(ready)
    target = BUILD / ("sanitize" if SANITIZE else "release")
    subprocess.run(["make", "-s", "-C", SHIM, f"{target}/.built"], check=True, timeout=300)
    return target


@dataclass(frozen=True)
class Staples:
    """The directory that a sidecar writes; files appear by rename, as there."""

    root: Path

    def place(self, site: Issued) -> Path:
        """Return the directory of a certificate, made on first use."""
        path = self.root / certificate_hash(site.der).hex()
        path.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, site: Issued, name: str, content: bytes, *, age: int = 0) -> Path:
        """Rename a file into place, of so many seconds: the module reads a young one again."""
        path = self.place(site) / name
        temporary = path.with_name(f".{name}.new")
        temporary.write_bytes(content)
        os.utime(temporary, (time.time() - age,) * 2)
        temporary.rename(path)
        return path

    def voucher(self, site: Issued, authority: bytes, der: bytes, label: str = "", *, age: int = 0) -> Path:
        """Rename a voucher into place."""
        return self.put(site, f"{authority.hex()}{label}.voucher", der, age=age)


@dataclass
class Nginx:
    """One nginx; the tests write its http, stream and mail blocks, every path and port besides is here."""

    home: Path
    modules: Path
    staples: Staples
    load: bool = True  # the modules, and their directives
    workers: int = 1
    master: bool = True  # False: one process is all of nginx (master_process off)
    log_level: str = "error"
    trace: Path | None = None  # strace writes the system calls of all processes there
    inject: tuple[str, ...] = ()  # words for strace: what it does to which calls
    variables: dict[str, str] = field(default_factory=dict)  # of the environment, which the workers keep
    _forgiven: list[str] = field(default_factory=list, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> str:
        """The error log so far."""
        path = self.home / "error.log"
        return path.read_text() if path.exists() else ""

    @property
    def voucher_log(self) -> list[str]:
        """What the module itself has said so far."""
        return re.findall(r" voucher: (.*)", self.log)

    def server(self, port: int, *sites: Issued, options: str = "", listen: str = "ssl") -> str:
        """Return a server block, of http or stream, that shows these certificates."""
        return f"server {{ listen 127.0.0.1:{port} {listen}; {self.identity(*sites)} {options} return 200 hello; }}\n"

    def identity(self, *sites: Issued) -> str:
        """Write certificates and keys; return their directives."""
        lines = []
        for site in sites:
            stem = self.home / certificate_hash(site.der).hex()[:16]
            stem.with_suffix(".pem").write_bytes(site.chain_pem)
            stem.with_suffix(".key").write_bytes(site.key_pem)
            lines.append(f"ssl_certificate {stem}.pem; ssl_certificate_key {stem}.key;")
        return " ".join(lines)

    def start(self, http: str = "", stream: str = "", mail: str = "") -> None:
        """Start with these blocks and wait until every port accepts."""
        self._process = subprocess.Popen([*self._tracer(), *self._command(http, stream, mail)], env=self._environment())
        ports = {int(port) for port in re.findall(r"listen 127\.0\.0\.1:(\d+)", http + stream + mail)}
        for port in ports:
            self.until(partial(_accepts, port), f"listen on port {port}")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition as long as nginx runs, without asking it anything."""
        assert self._process is not None
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"nginx does not {what}:\n{self.log}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=0.02)
                raise AssertionError(f"nginx ended with {code}:\n{self.log}")

    def refused(self, http: str = "", stream: str = "", mail: str = "") -> str:
        """Check a configuration that nginx must refuse; return what it says."""
        code, said = self._checked(http, stream, mail)
        assert code != 0, "nginx took the configuration"
        return said

    def warned(self, http: str = "", stream: str = "", mail: str = "") -> str:
        """Check a configuration that nginx must take; return what it says."""
        code, said = self._checked(http, stream, mail)
        assert code == 0, said
        return said

    def _checked(self, http: str, stream: str, mail: str) -> tuple[int, str]:
        done = subprocess.run(
            [*self._command(http, stream, mail), "-t"], env=self._environment(), capture_output=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr.decode()

    def worker_pids(self) -> set[int]:
        """Return the processes of this nginx besides its master."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def reload(self, http: str | None = None) -> None:
        """Load the configuration, or another, anew: new workers take over, old ones finish."""
        assert self._process is not None
        if http is not None:
            self._command(http)
        self._process.send_signal(signal.SIGHUP)

    def forgive(self, complaint: str) -> None:
        """Let lines with this in them be no failure: the test caused them."""
        self._forgiven.append(complaint)

    def stop(self) -> None:
        """Stop, and fail where nginx or a sanitizer complained."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        complaints = [line for line in self.log.splitlines() if any(bad in line for bad in _BAD)]
        complaints = [line for line in complaints if not any(forgiven in line for forgiven in self._forgiven)]
        reports = [path.read_text() for path in self.home.glob("sanitizer.*")]
        assert not complaints + reports, "\n".join(complaints + reports)

    def _command(self, http: str, stream: str = "", mail: str = "") -> list[str]:
        (self.home / "new.conf").write_text(self._configuration(http, stream, mail))
        (self.home / "new.conf").rename(self.home / "nginx.conf")  # nginx may be reading the old one
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert nginx, "nginx is not installed: apt-get install nginx libnginx-mod-mail libnginx-mod-stream nginx-dev"
        return [nginx, "-p", str(self.home), "-c", "nginx.conf", "-e", "error.log"]

    def _tracer(self) -> list[str]:
        if self.trace is None:
            return []
        # -D: nginx is our child, and strace in the background
        return ["strace", "-D", "-f", "-qq", "-s", "16", *self.inject, "-o", str(self.trace)]

    def _configuration(self, http: str, stream: str, mail: str) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {self.home}/{kind};" for kind in kinds)
        load = [self.modules / "ngx_http_voucher_module.so"] if self.load else []
        for kind in [kind for kind, block in (("stream", stream), ("mail", mail)) if block]:
            load += [_OF_NGINX / f"ngx_{kind}_module.so", self.modules / f"ngx_{kind}_voucher_module.so"]
        common = "ssl_protocols TLSv1.2 TLSv1.3;"
        if self.load:
            common += f" voucher on; voucher_directory {self.staples.root};"
        return "\n".join(
            [
                *(f"load_module {path};" for path in load),
                "user root;" if os.geteuid() == 0 else "",
                *(f"env {name};" for name in self.variables),
                f"daemon off; pid {self.home}/nginx.pid; worker_processes {self.workers};",
                "" if self.master else "master_process off;",
                f"error_log error.log {self.log_level};",
                "events { worker_connections 64; }",
                f"http {{ access_log off; {temporary} {common}\n{http}\n}}",
                f"stream {{ {common}\n{stream}\n}}" if stream else "",
                f"mail {{ {common}\n{mail}\n}}" if mail else "",
            ]
        )

    def _environment(self) -> dict[str, str]:
        given = {**os.environ, **self.variables}
        if not SANITIZE:
            return given
        library = subprocess.run(
            ["gcc", "-print-file-name=libasan.so"], capture_output=True, check=True, timeout=SECONDS
        )
        suppressions = self.home / "suppressions"
        suppressions.write_text("leak:ngx_alloc\n")  # nginx leaves pools behind when a worker ends
        common = f"log_path={self.home}/sanitizer:abort_on_error=1:print_stacktrace=1"
        return {
            **given,
            "LD_PRELOAD": library.stdout.decode().strip(),
            # every dynamic module of nginx defines the same globals (ngx_modules, ngx_module_names)
            "ASAN_OPTIONS": f"{common}:detect_odr_violation=0",
            "UBSAN_OPTIONS": common,
            "LSAN_OPTIONS": f"detect_leaks={int(self.trace is None)}:suppressions={suppressions}:print_suppressions=0",
        }


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=SECONDS):
        return True
    return False
