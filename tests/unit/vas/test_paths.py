"""What is remembered of the paths of chains, and what ends it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from mecai.errors import VerificationError
from mecai.vas.trust import paths
from mecai.vas.trust.paths import Paths
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW, Hierarchy, ca_extensions, issue

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server("www.example.test")
PATH = (*SITE.chain, ALDER.root.certificate)
LISTED = directory(ALDER, BIRCH)
SECOND = timedelta(seconds=1)
END = SITE.certificate.not_valid_after_utc
BEGIN = SITE.certificate.not_valid_before_utc

Searches = list[datetime]


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Searches:
    """Give the times at which a path was looked for."""
    found: Searches = []
    search = paths.validate_chain

    def noted(*words: Any) -> list[x509.Certificate]:
        found.append(words[-1])
        return search(*words)

    monkeypatch.setattr(paths, "validate_chain", noted)
    return found


def test_a_path_is_looked_for_once(searches: Searches) -> None:
    kept = Paths()
    for moment in (NOW, NOW + HOUR, END - SECOND, END):
        found = kept.of(SITE.chain, LISTED, moment)
        assert (found.certificates, found.owners) == (PATH, {"alder"})
    assert searches == [NOW, END]  # in its last second


@pytest.mark.parametrize("moment", [END + SECOND, BEGIN - SECOND])
def test_it_outlives_no_certificate_and_precedes_none(searches: Searches, moment: datetime) -> None:
    kept = Paths()
    kept.of(SITE.chain, LISTED, NOW)
    with pytest.raises(VerificationError):
        kept.of(SITE.chain, LISTED, moment)
    assert searches == [NOW, moment]
    assert kept.of(SITE.chain, LISTED, BEGIN).certificates == PATH


def test_a_certificate_that_is_shown_and_begins_has_it_looked_for_anew(searches: Searches) -> None:
    extensions = ca_extensions(ALDER.issuing.key, 0)
    span = (NOW + HOUR, NOW + DAY)
    coming = issue("coming CA", ALDER.issuing.key, ALDER.root, extensions, span=span).certificate
    kept, shown = Paths(), (*SITE.chain, coming)
    for moment in (NOW, NOW + HOUR - SECOND, NOW + HOUR, NOW + 2 * HOUR, NOW):
        kept.of(shown, LISTED, moment)
    assert searches == [NOW, NOW + HOUR, NOW]


def test_a_clock_that_goes_back_to_where_a_certificate_had_not_ended_has_it_looked_for_anew(searches: Searches) -> None:
    extensions, end = ca_extensions(ALDER.issuing.key, 0), NOW - HOUR
    past = issue("past CA", ALDER.issuing.key, ALDER.root, extensions, span=(NOW - DAY, end)).certificate
    kept, shown = Paths(), (*SITE.chain, past)
    for moment in (NOW, end + SECOND, end, end - SECOND):
        kept.of(shown, LISTED, moment)
    assert searches == [NOW, end]


def test_a_certificate_that_never_ends_is_shown(searches: Searches) -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280 section 4.1.2.5
    extensions = ca_extensions(ALDER.issuing.key, 0)
    shown = issue("lasting CA", ALDER.issuing.key, ALDER.root, extensions, span=(NOW - DAY, never)).certificate
    kept = Paths()
    for _ in range(2):
        assert kept.of((*SITE.chain, shown), LISTED, NOW).certificates == PATH
    assert searches == [NOW]


def test_another_directory_of_the_context_is_another_judge() -> None:
    kept = Paths()
    kept.of(SITE.chain, LISTED, NOW)
    with pytest.raises(VerificationError):
        kept.of(SITE.chain, directory(BIRCH, sequence=2), NOW)
    assert kept.of(SITE.chain, LISTED, NOW).certificates == PATH


def test_what_else_is_shown_makes_another_chain() -> None:
    """As birch's own certificate for alder's root does: it makes birch an owner of what stands below it (R10)."""
    kept = Paths()
    assert kept.of(SITE.chain, LISTED, NOW).owners == {"alder"}
    assert kept.of((*SITE.chain, BIRCH.cross_sign(ALDER).certificate), LISTED, NOW).owners == {"alder", "birch"}


def test_what_has_no_path_is_not_remembered(searches: Searches) -> None:
    kept, chain = Paths(), Hierarchy("stranger").server("www.example.test").chain
    for _ in range(2):
        with pytest.raises(VerificationError):
            kept.of(chain, LISTED, NOW)
    assert searches == [NOW, NOW]


def test_the_one_that_was_not_asked_for_longest_goes(searches: Searches) -> None:
    kept, chains = Paths(room=2), [ALDER.server(f"{number}.example.test").chain for number in range(3)]
    for number in (0, 1, 0, 2, 0, 1):
        kept.of(chains[number], LISTED, NOW)
    assert len(searches) == 4  # the second one was forgotten for the third, the first one was not
