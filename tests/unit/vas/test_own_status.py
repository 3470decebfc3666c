"""The VA's own status: kept for half of its validity, served until its end, gone when revoked."""

from datetime import datetime, timedelta

import pytest

from mecai.vas.issuance.own_status import RETRY, OwnStatus
from mecai.vas.refusal import Code, Refusal
from tests.pki import HOUR, NOW
from tests.responders import Online, Responders

BIRCH = Online("birch")
SERIAL = BIRCH.voucher.certificate.serial_number
END = NOW + 47 * HOUR  # of what the responder says
HALF = NOW + 23.5 * HOUR


@pytest.fixture
def responders() -> Responders:
    return Responders(BIRCH)


@pytest.fixture
def own(responders: Responders) -> OwnStatus:
    return OwnStatus(BIRCH.voucher.certificate, BIRCH.root.certificate, responders)


def refused(own: OwnStatus, now: datetime) -> bool:
    with pytest.raises(Refusal) as caught:
        own.current(now)
    return caught.value.code is Code.OVERLOADED


def test_asked_again_at_half_of_its_validity(own: OwnStatus, responders: Responders) -> None:
    first = own.current(NOW)
    assert first.status.next_update == END
    assert own.current(HALF - timedelta(seconds=1)) is first
    assert len(responders.history) == 1
    assert own.current(HALF) is not first
    assert len(responders.history) == 2


def test_served_until_its_end_while_the_responder_is_down(own: OwnStatus, responders: Responders) -> None:
    first = own.current(NOW)
    responders.status[SERIAL] = "down"
    assert own.current(HALF) is first
    assert own.current(HALF + RETRY / 2) is first
    assert len(responders.history) == 2
    assert refused(own, END)


def test_revoked_ends_at_once_and_is_asked_again(own: OwnStatus, responders: Responders) -> None:
    own.current(NOW)
    responders.status[SERIAL] = "revoked"
    assert refused(own, HALF)
    responders.status[SERIAL] = "good"
    assert refused(own, HALF)
    assert own.current(HALF + RETRY).status.next_update == END
