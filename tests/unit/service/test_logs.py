"""Logs: one line of JSON for each record."""

import json
import logging

import pytest

from mecai.service.logs import JsonFormatter, log_json


def test_a_record_is_one_line_with_what_extra_gave() -> None:
    record = logging.makeLogRecord({"msg": "issued\n%s", "args": ("one",), "levelname": "INFO", "serial": 7})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert {"level": "info", "message": "issued\none", "serial": 7}.items() <= json.loads(line).items()


def test_an_exception_keeps_its_traceback() -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["x"]
    record = logging.makeLogRecord({"exc_info": (caught.type, caught.value, caught.tb)})
    assert "KeyError" in json.loads(JsonFormatter().format(record))["exception"]


def test_twice_is_once(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    log_json()
    log_json()
    assert len(root.handlers) == 1
