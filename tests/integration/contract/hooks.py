"""Loaded by schemathesis (SCHEMATHESIS_HOOKS): the bodies of `bodies.py` in the place of octets that nobody made."""

from functools import partial
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import TestPhase

from mecai.vas.http.app import REQUEST_TYPE
from mecai.vas.http.statements import EXPEDITE_TYPE
from mecai.vrp.tell import INCIDENT_TYPE, REPORT_TYPE
from tests.integration.contract.bodies import Bodies, strange_members
from tests.integration.contract.material import Material

BODIES = Bodies(Material.named())
DOCUMENT = "application/json"
DOCUMENTS = {"POST /v1/reports": BODIES.reports(), "POST /v1/complaints": BODIES.complaints()}
TYPES = {
    "POST /v1/vouchers": REQUEST_TYPE,
    "POST /v1/expedites": EXPEDITE_TYPE,
    "POST /v1/incidents": INCIDENT_TYPE,
}
for media_type, strategy in {
    REQUEST_TYPE: BODIES.requests(),
    EXPEDITE_TYPE: BODIES.expedites(),
    INCIDENT_TYPE: BODIES.incidents(),
    REPORT_TYPE: BODIES.passed_on(),
}.items():
    schemathesis.openapi.media_type(media_type, strategy)


@schemathesis.hook
def flatmap_case(context: schemathesis.HookContext, case: schemathesis.Case) -> st.SearchStrategy[schemathesis.Case]:
    """Put what is real into the place of what only has the schema's form: always where one answer leads to another."""
    label = context.operation.label if context.operation else ""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return st.just(case)
    put = partial(_put, case)
    if case.meta.phase.name == TestPhase.STATEFUL:
        case.query |= {"limit": 1} if label == "GET /v1/reports" else {}  # or there would never be a second page
        good = BODIES.good.get(label) if case.media_type != REPORT_TYPE else None
        return st.sampled_from(good).map(put) if good else st.just(case)
    if label in DOCUMENTS and case.media_type == DOCUMENT:
        made = DOCUMENTS[label]
        return st.one_of(st.just(case), made.map(put), made.flatmap(strange_members).map(put))
    return st.just(case)


@schemathesis.hook
def before_add_examples(context: schemathesis.HookContext, examples: list[schemathesis.Case]) -> None:
    """Add what is tried always."""
    operation = context.operation
    if operation is not None and (bodies := BODIES.examples.get(operation.label)):
        kind = DOCUMENT if operation.label in DOCUMENTS else TYPES[operation.label]
        examples += [operation.Case(body=body, media_type=kind) for body in bodies]


def _put(case: schemathesis.Case, body: Any) -> schemathesis.Case:
    case.body = body
    return case
