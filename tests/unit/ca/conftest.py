"""An authority on disk, made anew for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mecai.ca.authority import Authority, initialise, opened
from mecai.ca.config import Config
from tests.pki import NOW


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        name="alder",
        owner_group="alder",
        region="north",
        ocsp_url="http://ocsp.alder.test",
        vas_url="https://vas.alder.test",
        crl_url="http://ocsp.alder.test/crl",
        state=tmp_path / "state",
        public=tmp_path / "public",
    )


@pytest.fixture
def authority(config: Config) -> Iterator[Authority]:
    initialise(config, NOW)
    with opened(config) as authority:
        yield authority
