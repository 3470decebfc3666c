"""The document as JUnit XML: testinfra's tests and every verdict as test cases side by side.

What is different fails, what is broken is an error, what was left out is skipped.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from testbed.report.outcome import State

_OUTCOMES: Final = {State.DIFFERENT: "failure", State.BROKEN: "error", State.LEFT_OUT: "skipped"}
_COUNTED: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}
# What XML 1.0 has no character for (section 2.2).
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def of(document: Mapping[str, Any]) -> str:
    """Return the XML of a document that fits `verify.schema.yml`."""
    root = ET.Element("testsuites", name=f"testbed verify, lab {document['lab']}")
    _add(root, "testinfra", document, _tested(document["suite"]))
    played = (case for scenario in document["scenarios"] for case in _played(scenario))
    _add(root, "scenarios", document, played)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _tested(suite: Mapping[str, Any]) -> Iterator[ET.Element]:
    for case in suite["cases"]:
        yield _case(case["module"], case["name"], case["state"], case["said"], case["seconds"])
    if suite["reason"]:
        yield _case("tests.lab", "all tests", suite["state"], suite["reason"])


def _played(scenario: Mapping[str, Any]) -> Iterator[ET.Element]:
    group = f"scenarios.{scenario['number']:02}.{scenario['name']}"
    for verdict in scenario["verdicts"]:
        said = f"expected {words(verdict['expected'])}, observed {words(verdict['observed'])}"
        yield _case(group, f"{verdict['title']}: {verdict['client']}", verdict["state"], said)
    if not scenario["verdicts"]:
        yield _case(group, scenario["title"], scenario["state"], scenario["reason"], scenario["seconds"])


def words(verdict: Mapping[str, Any]) -> str:
    """Say a verdict, expected or observed, in words."""
    reasons = " or ".join(verdict["reasons"]) if "reasons" in verdict else verdict["reason"]
    said = " ".join(filter(None, (verdict["verdict"], reasons)))
    page = f", page of the {verdict['page']}" if verdict["page"] else ""
    return said + page + ("" if verdict.get("seconds") is None else f", after {verdict['seconds']:.1f} s")


def _case(group: str, name: str, state: str, said: str, seconds: float = 0) -> ET.Element:
    element = ET.Element("testcase", classname=_clean(group), name=_clean(name), time=f"{seconds:.3f}")
    if outcome := _OUTCOMES.get(State(state)):
        found = ET.SubElement(element, outcome, message=_clean(said.strip().rpartition("\n")[2]))
        found.text = _clean(said)
    return element


def _add(root: ET.Element, name: str, document: Mapping[str, Any], cases: Iterator[ET.Element]) -> None:
    suite = ET.SubElement(root, "testsuite", name=name, timestamp=document["begun"].removesuffix("Z"))
    suite.extend(cases)
    suite.set("tests", str(len(suite)))
    for outcome, counted in _COUNTED.items():
        suite.set(counted, str(len(suite.findall(f"testcase/{outcome}"))))


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
