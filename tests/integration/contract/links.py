"""Follow each link of an OpenAPI document once: schemathesis leaves it to chance which of them it follows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

Place = tuple[str, str]  # method and path
Content = tuple[bytes, str] | None  # a body and its media type
Ask = Callable[[Place, Content], tuple[int, bytes]]  # status and body of the answer
FROM_RESPONSE = "$response.body#/"  # a runtime expression (OpenAPI 3.1, 4.8.20.4)
FROM_REQUEST = "$request.body"  # and another
OK = "2"  # what the status of a good answer begins with


def follow_links(document: Mapping[str, Any], bodies: Mapping[str, Sequence[Any]], ask: Ask) -> list[str]:
    """Send each body, then ask for what each link leads from and to, and return the names of the links.

    `bodies` are by operation ("POST /v1/vouchers"). Raises AssertionError for an answer without the link's status, or
    for a link that leads nowhere.
    """
    operations = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    by_id = {operation["operationId"]: place for place, operation in operations.items()}
    contents = {
        place: [_content(operation, body) for body in bodies.get(" ".join(place), ())]
        for place, operation in operations.items()
    }
    for place, each in contents.items():
        for content in each:
            _answer(ask, place, content, OK)
    followed = []
    for place, status, name, link in _links(operations):
        sent = next(iter(contents[place]), None)
        first = _with(place, {"limit": 1}) if place[0] == "GET" else place  # or no page has one after it
        answer = _answer(ask, first, sent, status)
        query = {key: _value(each, answer) for key, each in link.get("parameters", {}).items()}
        again = sent if link.get("requestBody") == FROM_REQUEST else None
        _answer(ask, _with(by_id[link["operationId"]], query), again, OK)
        followed.append(name)
    return followed


def _links(operations: Mapping[Place, Any]) -> Iterator[tuple[Place, str, str, Any]]:
    """Give each link with the operation and the status that it leads from, and its name."""
    for place, operation in operations.items():
        for status, response in operation["responses"].items():
            for name, link in response.get("links", {}).items():
                yield place, status, name, link


def _answer(ask: Ask, place: Place, content: Content, status: str) -> bytes:
    """Ask for an answer whose status begins with `status`."""
    seen, answer = ask(place, content)
    assert str(seen).startswith(status), (place, seen, answer)
    return answer


def _content(operation: Mapping[str, Any], body: Any) -> Content:
    """Encode a body as the first media type of an operation."""
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return octets, next(iter(operation["requestBody"]["content"]))


def _with(place: Place, query: Mapping[str, Any]) -> Place:
    method, path = place
    return method, f"{path}?{urlencode(query)}" if query else path


def _value(expression: str, answer: bytes) -> Any:
    return json.loads(answer)[expression.removeprefix(FROM_RESPONSE)]
