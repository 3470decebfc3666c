"""What is written of a verification: a document as its schema says, JUnit, a page in which foreign text is text."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from jsonschema import Draft202012Validator

from mecai.errors import InputError
from testbed.report import document, folder, junit, page, picture
from testbed.report.outcome import Case, State, Suite, Verification
from tests.unit.testbed.verifications import BROKEN, LEFT_OUT, different, good, lab, verification, witnessed
from tests.unit.testbed.world import PLAN

HOSTILE = """</pre></section><script>document.title = "taken"</script><img src=x onerror="alert(1)">
<style>*{display:none}</style><a href="javascript:alert(1)">{{ 7 * 7 }}</a> &lt; \x00\x1b[31m ]]>"""
FAILED = Suite((Case("tests.lab.test_hosts", "test_x[www]", State.DIFFERENT, 1.0, f"E {HOSTILE}"),))


@pytest.fixture
def found(tmp_path: Path) -> Verification:
    """Return a verification with something of everything, each client's answer full of markup."""
    trials = [good(lab(tmp_path), HOSTILE), different(lab(tmp_path), HOSTILE), BROKEN, LEFT_OUT]
    return verification(trials, FAILED)


@pytest.fixture
def results(found: Verification, tmp_path: Path) -> Path:
    """Return the folder with all results."""
    out = tmp_path / "out"
    folder.prepare(out)
    folder.write(out, lab(tmp_path), found)
    return out


@cache
def validator() -> Draft202012Validator:
    schema = yaml.safe_load(document.SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_document_fits_its_schema(results: Path) -> None:
    data = json.loads((results / "verify.json").read_text(encoding="utf-8"))
    validator().validate(data)
    assert data["good"] is False
    assert data["counts"] == {"good": 9, "different": 2, "broken": 1, "left-out": 1}
    assert [scenario["state"] for scenario in data["scenarios"]] == ["good", "different", "broken", "left-out"]
    assert data["scenarios"][0]["files"] == [
        "1-plain.txt",
        *(f"1-{kind}.json" for kind in ("random", "sticky", "strict", "warn")),
    ]
    for scenario in data["scenarios"]:
        for name in scenario["files"]:
            assert (results / "evidence" / scenario["name"] / name).is_file()


def test_every_part_of_a_document_is_asked_for_by_the_schema(tmp_path: Path) -> None:
    whole = document.of(verification([different(lab(tmp_path))], FAILED), {})
    assert validator().is_valid(whole)
    for part in _objects(whole):
        for key in list(part):
            kept = part.pop(key)
            assert not validator().is_valid(whole), key
            part[key] = kept


def _objects(data: object) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        yield data
    for child in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _objects(child)


def test_witnesses_share_a_column_and_each_opens_what_it_said(tmp_path: Path) -> None:
    trial = witnessed(lab(tmp_path))
    whole = document.of(verification([trial]), {})
    validator().validate(whole)
    text = page.of(whole, {}, "")
    [cell] = re.findall(r'<td data-client="witnesses">(.*?)</td>', text, re.DOTALL)
    assert re.findall("<p>(.*?)</p>", cell) == ["crowd", "postmaster"]
    assert re.findall("i-(accepted|warned|good)", cell) == ["warned", "good", "accepted", "good"]
    assert all(f'id="e-floods-1-{name}"' in text for name in ("crowd", "postmaster", "sticky"))
    assert (
        "witnesses" not in page.of(document.of(verification([good(lab(tmp_path))]), {}), {}, "").partition("<thead>")[2]
    )


def test_junit_has_tests_and_verdicts_side_by_side(results: Path) -> None:
    hosts, scenarios = ET.parse(results / "verify.xml").getroot()  # noqa: S314 - ours
    assert (hosts.get("name"), hosts.get("tests"), hosts.get("failures")) == ("testinfra", "1", "1")
    counts = [scenarios.get(key) for key in ("name", "tests", "failures", "errors", "skipped")]
    assert counts == ["scenarios", "12", "1", "1", "1"]
    [failure] = scenarios.iter("failure")
    assert failure.get("message") == ("expected accepted, page of the site, observed refused malformed")
    [skipped] = scenarios.iter("skipped")
    assert skipped.text == "topology small: nobody plays 'fourth'"
    case = scenarios[0]
    assert case.get("classname") == "scenarios.05.rogue-va-chosen"
    assert case.get("name") == "a voucher that was chosen: plain"


def test_a_suite_that_broke_is_an_error_and_one_left_out_is_skipped() -> None:
    for state, outcome in ((State.BROKEN, "errors"), (State.LEFT_OUT, "skipped")):
        text = junit.of(document.of(verification([], Suite((), state, "why")), {}))
        assert ET.fromstring(text)[0].get(outcome) == "1"  # noqa: S314 - ours


class Outline(HTMLParser):
    """What a page consists of: its elements with their attributes, and the text of some."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._in_pre = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        self.elements.append((tag, dict(attrs)))
        if tag == "pre":
            self.texts.append("")
        self._in_pre = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """Take note of its end."""
        self._in_pre = self._in_pre and tag != "pre"

    def handle_data(self, data: str) -> None:
        """Take note of text."""
        if self._in_pre:
            self.texts[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def outline(results: Path) -> Outline:
    """Return what the page consists of."""
    return Outline((results / "verify.html").read_text(encoding="utf-8"))


def test_text_of_a_foreign_server_stays_text(outline: Outline) -> None:
    tags = {tag for tag, _ in outline.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "base", "form", "link"}
    assert len(outline.all("style")) == 1
    for _, attributes in outline.elements:
        assert not [name for name in attributes if name.startswith("on")]
    answers = [text for text in outline.texts if "<script>" in text]
    assert len(answers) == 5 + 5 + 1
    assert all("{{ 7 * 7 }}" in text for text in answers)


def test_the_page_asks_for_nothing_elsewhere_and_forbids_it(outline: Outline) -> None:
    references = [
        value
        for _, attributes in outline.elements
        for name, value in attributes.items()
        if name in {"href", "src", "srcset", "data", "action", "poster"}
    ]
    assert references
    assert all(re.match(r"#|evidence/", reference or "") for reference in references)
    [policy] = [meta["content"] or "" for meta in outline.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def test_every_cell_opens_its_evidence_and_comes_back(outline: Outline) -> None:
    cells = {link["id"]: link["href"] for link in outline.all("a") if (link.get("class") or "").startswith("cell")}
    panels = [section["id"] for section in outline.all("section")]
    assert list(map(str, cells.values())) == [f"#{panel}" for panel in panels]
    assert len(set(panels)) == len(panels) == 10
    backs = {link["href"] for link in outline.all("a") if (link["href"] or "").startswith("#c-")}
    assert backs == {f"#{cell}" for cell in cells}


def test_links_of_evidence_lead_to_files(outline: Outline, results: Path) -> None:
    files = {link["href"] or "" for link in outline.all("a") if (link["href"] or "").startswith("evidence/")}
    assert len(files) == 10
    assert all((results / file).is_file() for file in files)


def test_states_and_verdicts_are_told_apart_by_shape_and_text(results: Path, outline: Outline) -> None:
    text = (results / "verify.html").read_text(encoding="utf-8")
    icons = {symbol["id"]: shape for symbol, shape in _symbols(text)}
    names = {"accepted", "warned", "refused", "attacker", "good", "different", "broken", "left-out"}
    assert set(icons) == {f"i-{name}" for name in names}
    assert len(set(icons.values())) == len(names)
    [differs] = [link for link in outline.all("a") if link.get("class") == "cell differs"]
    assert differs["id"] == "c-honest-1-sticky"
    assert "expected: accepted, page of the site" in text
    assert "topology small: nobody plays &#39;fourth&#39;" in text


def _symbols(text: str) -> Iterator[tuple[dict[str, str], str]]:
    for name, shape in re.findall(r'<symbol id="([^"]+)"[^>]*>(.*?)</symbol>', text):
        yield {"id": name}, shape


LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA, for text of any size
BACKGROUNDS = ("back", "panel")


def _palettes() -> list[dict[str, str]]:
    css = (document.SCHEMA.parent / "page.css.j2").read_text(encoding="utf-8")
    found = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root {(.*?)}", css, re.DOTALL)
    ]
    assert [len(palette) for palette in found] == [14, 14]
    return found


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2, definitions)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", _palettes(), ids=["light", "dark"])
def test_every_text_has_contrast_in_light_and_dark(palette: dict[str, str]) -> None:
    least = {
        (name, back): _contrast(palette[name], palette[back])
        for name in palette
        for back in BACKGROUNDS
        if name not in {*BACKGROUNDS, "line"}
    }
    assert {pair: ratio for pair, ratio in least.items() if ratio < LEAST_CONTRAST} == {}
    assert all(_contrast(palette["line"], palette[back]) >= 3 for back in BACKGROUNDS)  # 1.4.11, for borders


def test_the_picture_has_every_network_and_host_and_joins_them() -> None:
    drawn = ET.fromstring(picture.draw(PLAN))  # noqa: S314 - ours
    space = "{http://www.w3.org/2000/svg}"
    texts = ["".join(text.itertext()) for text in drawn.iter(f"{space}text")]
    for zone in PLAN.topology.zones:
        assert zone.name in texts
    for host in PLAN.topology.hosts:
        assert f"{host.name} {host.role}" in texts
    assert len(list(drawn.iter(f"{space}circle"))) == sum(len(h.links) for h in PLAN.topology.hosts if len(h.links) > 1)


def test_a_folder_with_other_things_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "mine").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="holds other things than a verification's results"):
        folder.prepare(tmp_path)
    assert (tmp_path / "evidence" / "mine").read_text(encoding="utf-8") == "dear"


def test_results_replace_those_of_the_run_before(results: Path, tmp_path: Path) -> None:
    assert (results / "evidence" / "honest").is_dir()
    folder.prepare(results)
    folder.write(results, lab(tmp_path), verification([LEFT_OUT]))
    assert not (results / "evidence").exists()
    assert "honest" not in (results / "verify.html").read_text(encoding="utf-8")


def test_a_full_disk_leaves_no_half_page(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (results / "verify.html").read_text(encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        folder.write(results, lab(tmp_path), verification([LEFT_OUT]))
    assert (results / "verify.html").read_text(encoding="utf-8") == before


def test_an_answer_without_end_is_cut_and_says_so(tmp_path: Path) -> None:
    trial = good(lab(tmp_path), "x" * 10**6)
    out = tmp_path / "out"
    folder.write(out, lab(tmp_path), verification([trial]))
    text = (out / "verify.html").read_text(encoding="utf-8")
    assert len(text) < 10**6
    assert text.count("[... the file has more]") == 5


def test_what_was_measured_is_in_all_three(tmp_path: Path) -> None:
    trial = good(lab(tmp_path))
    first, *others = trial.rows
    measured = replace(trial, rows=(replace(first, observed=replace(first.observed, seconds=1.25)), *others))
    out = tmp_path / "out"
    folder.prepare(out)
    folder.write(out, lab(tmp_path), verification([measured]))
    data = json.loads((out / "verify.json").read_text(encoding="utf-8"))
    validator().validate(data)
    verdicts = data["scenarios"][0]["verdicts"]
    assert [verdict["observed"]["seconds"] for verdict in verdicts] == [1.25, *([None] * len(others))]
    assert junit.words(verdicts[0]["observed"]) == "accepted, page of the attacker, after 1.2 s"
    assert (out / "verify.html").read_text(encoding="utf-8").count("after 1.2 s") > 0
