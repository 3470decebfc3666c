"""Hold answers of a VAS to its OpenAPI document: path, method, status, media type, header fields and JSON schema."""

import json
from importlib.resources import files
from typing import Any

from flask import Response, request
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENT: dict[str, Any] = json.loads((files("mecai.vas.http") / "openapi.json").read_bytes())
_URI = "urn:mecai:openapi"
_REGISTRY: Registry[Any] = Registry().with_resource(_URI, DRAFT202012.create_resource(DOCUMENT))


def conforms(response: Response) -> Response:
    """Fail where an answer is not what the document says; for `Flask.after_request`."""
    operation = DOCUMENT["paths"].get(request.path, {}).get(request.method.lower())
    if operation is None:  # no such path or method: nothing is promised but an error
        assert response.status_code in {404, 405}
        return response
    said = operation["responses"][str(response.status_code)]
    for name in said.get("headers", {}):
        assert name in response.headers
    assert response.mimetype in said["content"]
    if response.mimetype.endswith("json"):
        place = ("paths", request.path, request.method.lower(), "responses", str(response.status_code), "content")
        pointer = "/".join(part.replace("/", "~1") for part in (*place, response.mimetype, "schema"))
        Draft202012Validator({"$ref": f"{_URI}#/{pointer}"}, registry=_REGISTRY).validate(json.loads(response.data))
    return response
