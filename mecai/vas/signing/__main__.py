"""The signer's process: `python -m mecai.vas.signing FILE`, which loads nothing that it does not need to sign."""

import logging
import socket
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from mecai.errors import MecaiError
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.service.durable import host_errors
from mecai.service.logs import log_json
from mecai.service.pem import load_certificates
from mecai.service.systemd import notify, passed_socket
from mecai.vas.signing.config import SignerConfig, read_signer_config, user_id
from mecai.vas.signing.keyring import Keyring
from mecai.vas.signing.rules import Rules
from mecai.vas.signing.server import Signer
from mecai.vas.signing.wire import Purpose

LOG = logging.getLogger(__name__)
_ANYBODY = 0o666  # may connect: who is answered follows from who it is


def make_signer(config: SignerConfig) -> Signer:
    """Put the signer together; raises `HostError` or `InputError`."""
    users: dict[int, set[Purpose]] = {}
    for user, purpose in ((config.server, Purpose.VOUCHER), (config.operator, Purpose.EXPEDITE)):
        users.setdefault(user_id(user), {Purpose.READY}).add(purpose)
    rules = Rules(authority_id(spki_der(load_certificates(config.root)[0])), config.lifetime)
    return Signer(Keyring(config.key, config.certificate), rules, users, lambda: datetime.now(UTC))


def main(path: Path) -> NoReturn:
    """Serve the settings in a file until ended; what ends the start is one line of the log, and an exit code."""
    log_json()
    try:
        config = read_signer_config(path)
        signer = make_signer(config)
        door = passed_socket() or _door(config.socket)
        notify("READY=1")
    except MecaiError as error:
        LOG.error("%s", error)  # noqa: TRY400 - a verdict, not a fault
        raise SystemExit(error.exit_code) from None
    signer.serve(door)


def _door(path: Path) -> socket.socket:
    """Open the socket, in the place of one that a former signer left; raises `HostError`."""
    with host_errors(path, "opened"):
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(path))
        path.chmod(_ANYBODY)
        door.listen()
        return door


if __name__ == "__main__":
    main(Path(sys.argv[1]))
