"""The quota: so many a minute, each requester for itself."""

from datetime import timedelta

import pytest

from mecai.vas.problem import Code, Problem
from mecai.vas.quota import WINDOW, Quota, requester_of
from tests.pki import NOW


def test_each_requester_has_a_quota_and_each_minute_begins_anew() -> None:
    quota = Quota(2)
    for requester in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        quota.take(requester, NOW)
    with pytest.raises(Problem) as caught:
        quota.take("192.0.2.1", NOW + timedelta(seconds=18))
    assert caught.value.code is Code.TOO_MANY_REQUESTS
    assert caught.value.headers()["Retry-After"] == "42"
    quota.take("192.0.2.1", NOW + WINDOW)


@pytest.mark.parametrize(
    ("address", "requester"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_site_is_one_requester(address: str, requester: str) -> None:
    assert requester_of(address) == requester
