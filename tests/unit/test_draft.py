"""`scripts/draft`: every page, rule and code of the specification stands in the Internet-Draft."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mecai.reasons import REASONS

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "docs" / "spec"


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """Return the XML of the draft."""
    target = tmp_path_factory.mktemp("draft") / "draft.xml"
    subprocess.run([sys.executable, ROOT / "scripts" / "draft", target], check=True, timeout=60)
    return ET.parse(target).getroot()  # noqa: S314 made a moment ago


def test_sections_have_the_numbers_of_their_pages(draft: ET.Element) -> None:
    titles = [name.text for name in draft.findall("middle/section/name")]
    pages = sorted(SPEC.glob("[0-9]*.md"), key=lambda path: int(path.name.partition("-")[0]))
    headings = [page.read_text(encoding="utf-8").partition("\n")[0] for page in pages]
    assert [f"# {number} {title}" for number, title in enumerate(titles, start=1)] == headings[:-1]
    assert headings[-1] == f"# {len(titles) + 1} References"


def test_every_rule_and_every_code_is_there(draft: ET.Element) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SPEC.glob("[0-9]*.md"))
    strong = {element.text for element in draft.iter("strong")}
    assert set(re.findall(r"\*\*([A-Z]\d+)\*\*", text)) <= strong
    assert {element.text for element in draft.iter("tt")} >= REASONS.keys()


def test_what_is_cited_is_a_reference(draft: ET.Element) -> None:
    anchors = [reference.get("anchor") for reference in draft.iter("reference")]
    assert len(set(anchors)) == len(anchors)
    cited = {xref.get("target") for xref in draft.iter("xref")}
    assert cited == set(anchors)  # and every reference is cited
    prose = "".join(element.text or "" for element in draft.iter("t"))
    assert re.findall(r"RFC \d+", prose) == []


def test_source_code_fits_the_page(draft: ET.Element) -> None:
    lines = [line for code in draft.iter("sourcecode") for line in (code.text or "").splitlines()]
    assert max(map(len, lines)) <= 66
    assert "".join(code.text or "" for code in draft.iter("sourcecode")).count("VoucherInfo ::= SEQUENCE") == 1
