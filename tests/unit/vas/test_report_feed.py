"""What everybody may read of reports (docs/spec F4, F5): pages of JSON, and a page for people."""

import pytest
from jsonschema import Draft202012Validator

from mecai.protocol.objects.entries import encode_certificate
from mecai.protocol.pki.identity import hash_of
from tests.pki import HOUR, NOW
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, Make, Vas
from tests.unit.vas.reporting import SEEN, feed, make_reporting, tell
from tests.unit.vas.test_openapi import DOCUMENT


@pytest.fixture
def vas(make: Make, publish: Publish) -> Vas:
    return make_reporting(make, publish)


def test_pages_follow_each_other(vas: Vas) -> None:
    for place in range(5):
        tell(vas, address=f"198.18.113.{place}")
    seen, query = [], "?limit=2"
    while True:
        page = feed(vas, query)
        seen += [each["address"] for each in page["reports"]]
        if "before" not in page:
            break
        query = f"?limit=2&before={page['before']}"
    assert seen == [f"198.18.113.{place}" for place in (4, 3, 2, 1, 0)]


def test_what_nobody_was_told_of_is_on_the_first_page(vas: Vas) -> None:
    vas.server.unnotified.note("example.test", {"certificate": "0a" * 32, "holdEnd": (NOW + HOUR).isoformat()}, NOW)
    vas.server.unnotified.note("<b>.test", {"certificate": "0b" * 32, "holdEnd": None}, NOW)
    told = {"certificate": "0b" * 32, "domain": "<b>.test", "noted": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}
    assert feed(vas, "") == {
        "reports": [],
        "unnotified": [
            told,
            {**told, "certificate": "0a" * 32, "domain": "example.test", "holdEnd": f"{NOW + HOUR:%Y-%m-%dT%H:%M:%SZ}"},
        ],
    }
    Draft202012Validator(DOCUMENT["components"]["schemas"]["Reports"]).validate(feed(vas))
    assert feed(vas, "?before=1") == {"reports": []}
    page = vas.http.get("/v1/reports", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "<b>" not in page
    assert "&lt;b&gt;.test" in page
    assert "no hold" in page


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=٣", "before=0", "before=-1", f"before={2**31}"]
)
def test_no_number_of_a_page(vas: Vas, query: str) -> None:
    answer = vas.http.get(f"/v1/reports?{query}")
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (400, "malformed")


def test_who_reads_without_end_is_bounded(make: Make) -> None:
    vas = make(requests_per_minute=2)
    assert [vas.http.get("/v1/reports").status_code for _ in range(3)] == [200, 200, 429]


def test_people_have_a_page_where_no_name_is_markup(vas: Vas) -> None:
    odd = ALDER.server("<script>alert(1)</script>.example.test")
    tell(vas, chain=[encode_certificate(odd.certificate), SEEN["chain"][1]], text="<b>bold</b>")
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    answer = vas.http.get("/v1/reports", headers=browser)
    page = answer.get_data(as_text=True)
    assert answer.mimetype == "text/html"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.example.test" in page
    assert "<script" not in page
    assert "bold" not in page
    assert "192.0.2.7" not in page
    assert hash_of(odd.certificate).hex() in page
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert vas.http.get("/v1/reports").mimetype == "application/json"


def test_a_page_leads_to_older_ones(vas: Vas) -> None:
    for place in range(3):
        tell(vas, address=f"198.18.113.{place}")
    page = vas.http.get("/v1/reports?limit=2", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<a href="?before=2" rel="next">' in page
