"""How the agent is started: gunicorn, which itself demands a certificate of the VA's private CA from whoever asks."""

import ipaddress
import ssl
import sys
from typing import Final

from mecai.perspective.config import PerspectiveConfig

VARIABLE: Final = "MECAI_PERSPECTIVE_CONFIG"
APPLICATION: Final = "mecai.perspective.app:create_app()"
WORKER: Final = "mecai.perspective.worker.Worker"
SECONDS: Final = 8  # that gunicorn waits for a worker to end


def command(config: PerspectiveConfig, bind: str | None = None) -> list[str]:
    """Return the program that serves a configuration, with its arguments; `bind` is gunicorn's, instead of the port."""
    tls = {
        "--keyfile": config.key,
        "--certfile": config.certificate,
        "--ca-certs": config.roots,
        "--cert-reqs": ssl.CERT_REQUIRED.value,
    }
    server = {
        "--worker-class": WORKER,
        "--threads": config.parallel,
        "--graceful-timeout": SECONDS,
        "--keep-alive": 0,  # a connection is judged once, and has one question
        "--bind": bind or f"{_host(config.address)}:{config.port}",
    }
    options = [str(word) for option in (tls | server).items() for word in option]
    return [sys.executable, "-m", "gunicorn", "--no-control-socket", *options, APPLICATION]


def _host(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version > 4 else address  # noqa: PLR2004 - of IP
