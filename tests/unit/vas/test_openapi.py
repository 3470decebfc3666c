"""The OpenAPI document says what the VAS does; every answer of test_app.py is held to it besides."""

import json
import re
from pathlib import Path
from unittest.mock import Mock

from jsonschema import Draft202012Validator

from mecai.vas.assembly import Assembly
from mecai.vas.http.app import make_app
from mecai.vas.http.problems import problem
from mecai.vas.refusal import Code, Refusal
from tests.openapi import DOCUMENT

APP = make_app(Mock(spec=Assembly, config=Mock(trusted_proxies=1), expedites=Mock()))
DOCUMENTS = [problem(Refusal(code, "what was seen")).members() for code in Code]
RESPONSES = [
    (int(status), response["description"].partition("Codes: ")[2].rstrip("."))
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
    for status, response in operation["responses"].items()
]


def test_it_is_served_as_it_is() -> None:
    response = APP.test_client().get("/v1/openapi.json")
    assert response.mimetype == "application/json"
    assert json.loads(response.data) == DOCUMENT


def test_it_names_every_route_and_no_other() -> None:
    routes = {
        (rule.rule, method.lower())
        for rule in APP.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_it_names_every_code_at_its_status_and_no_other() -> None:
    said = {(status, code) for status, codes in RESPONSES for code in filter(None, codes.split(", "))}
    assert said == {(int(each["status"]), each["type"].rpartition("/")[2]) for each in DOCUMENTS}


def test_it_promises_the_requests_id_with_every_answer() -> None:
    answers = [
        answer
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
    ]
    assert all("X-Request-Id" in answer["headers"] for answer in answers)


def test_its_schemas_are_schemas() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_each_refusal_is_a_document_of_its_schema() -> None:
    for document in DOCUMENTS:
        Draft202012Validator(DOCUMENT["components"]["schemas"]["Problem"]).validate(document)


def test_what_the_text_has_besides_is_marked_as_not_built_yet() -> None:
    """Codes of R7 and paths of docs/spec: each is served, or marked, and not both."""
    pages = Path(__file__).resolve().parents[3] / "docs" / "spec"
    text = "".join(page.read_text(encoding="utf-8") for page in sorted(pages.glob("[0-9]*.md")))
    rows = re.findall(r"^  \| [^|]+ \| (?:4|5)\d\d[^|]*\| ([^|]+) \|", text, flags=re.MULTILINE)
    codes = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    paths = set(re.findall(r"`((?:GET|POST) /[a-z0-9/.]+)`", text))
    served = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    missing = DOCUMENT["x-not-built-yet"]
    assert codes - set(Code) == missing["codes"].keys()
    assert paths - served == missing["paths"].keys()
    assert set(Code) <= codes
    assert served <= paths
