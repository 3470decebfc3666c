"""`gunicorn 'tests.integration.faults.minute_ahead:create_app()'`: a VAS whose clock is a minute ahead."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from mecai.service.logs import log_json
from mecai.vas.assembly import assemble
from mecai.vas.config import read_config
from mecai.vas.http.app import make_app


def create_app() -> Flask:
    """Make the application of the VAS, but for its clock."""
    log_json()
    config = read_config(Path(os.environ["MECAI_VAS_CONFIG"]))
    return make_app(assemble(config, lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)))
