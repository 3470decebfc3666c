"""Every reason code has words."""

import re
from pathlib import Path

from mecai.client import explain
from mecai.protocol.verify import connection as verify
from mecai.protocol.verify import intranet, rules
from mecai.reasons import REASONS

_RAISED = re.compile(r'VerificationError\(\s*"([a-z-]+)"')
_CLIENT = Path(explain.__file__).parent


def test_every_code_that_the_rules_or_the_client_raise_is_explained() -> None:
    sources = [*(Path(module.__file__) for module in (rules, verify, intranet)), *_CLIENT.glob("*.py")]
    raised = {code for source in sources for code in _RAISED.findall(source.read_text())}
    assert {"no-voucher", "address-mismatch", "directory-expired", "certificate-invalid", "pin-mismatch"} <= raised
    assert raised <= REASONS.keys() | explain.OWN.keys()
    assert not REASONS.keys() & explain.OWN.keys()


def test_an_unknown_code_still_gets_advice() -> None:
    assert explain.explain("of-the-future").advice
