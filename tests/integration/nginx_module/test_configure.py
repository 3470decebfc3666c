"""`config` below nginx's ./configure: what it builds of what, and what it refuses in one clear line."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.integration.nginx_module.server import SANITIZE, SHIM

pytestmark = pytest.mark.skipif(SANITIZE, reason="nothing runs that a sanitizer could watch; the other build has it")

SOURCES: Final = Path(os.environ.get("NGINX_SRC", "/usr/share/nginx/src"))
SECONDS: Final = 120
TLS: Final = "--with-http_ssl_module"

# options of ./configure -> the modules in the Makefile that comes out
BUILT: Final = {
    "--without-http --with-stream --with-stream_ssl_module": {"stream"},
    f"{TLS} --with-stream --with-mail --with-mail_ssl_module": {"http", "mail"},
}


def configure(folder: Path, options: str, module: Path = SHIM) -> subprocess.CompletedProcess[str]:
    """Run ./configure of the nginx sources with the module, into a folder."""
    command = [
        "./configure",
        *options.split(),
        f"--builddir={folder}",
        f"--add-dynamic-module={module}",
        "--with-compat",
    ]
    command += ["--without-http_rewrite_module", "--without-http_gzip_module"]
    return subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize("options", BUILT)
def test_what_has_tls_is_built(tmp_path: Path, options: str) -> None:
    done = configure(tmp_path, options)
    assert done.returncode == 0, done.stdout + done.stderr
    makefile = (tmp_path / "Makefile").read_text()
    assert {kind for kind in ("http", "stream", "mail") if f"ngx_{kind}_voucher_module.so" in makefile} == BUILT[
        options
    ]


def test_nginx_without_tls_is_refused(tmp_path: Path) -> None:
    done = configure(tmp_path, "--with-stream")
    assert done.returncode != 0
    assert "error: the voucher module needs TLS: --with-http_ssl_module" in done.stdout + done.stderr


def test_old_openssl_is_refused(tmp_path: Path) -> None:
    """Headers that say 1.1.1, before those of the system."""
    headers = tmp_path / "openssl"
    headers.mkdir()
    (headers / "cms.h").write_text("#define OPENSSL_VERSION_NUMBER 0x1010117fL\nvoid CMS_ContentInfo_free(void *);\n")
    done = configure(tmp_path / "build", f"{TLS} --with-cc-opt=-I{tmp_path}")
    assert done.returncode != 0
    assert "error: the voucher module needs OpenSSL 3.0 or later, with CMS." in done.stdout + done.stderr
