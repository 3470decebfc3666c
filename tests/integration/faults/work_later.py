"""`python -m tests.integration.faults.work_later CONFIG HOURS`: what the outbox put off, as if the hours had passed."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mecai.vas.config import read_config
from mecai.vas.storage.database import open_database
from mecai.vas.worker import make_notifier


def main(config: str, hours: str) -> None:
    """Do it once."""
    read, ahead = read_config(Path(config)), timedelta(hours=int(hours))
    make_notifier(read, open_database(read.database), lambda: datetime.now(UTC) + ahead).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
