"""The guards: on a layout that is not known, nothing starts."""

import ssl
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mecai.tls import library, pointers
from mecai.tls.library import UnsupportedRuntimeError
from tests.unit.tls.memory import Pair


def openssl(**answers: Any) -> SimpleNamespace:
    """Stand in for OpenSSL: each function answers a constant."""
    return SimpleNamespace(**{name: lambda _pointer, answer=answer: answer for name, answer in answers.items()})


@pytest.mark.parametrize("setting", ["options", "verify_mode"])
def test_a_context_that_reads_back_differently_is_refused(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    answers = {"SSL_CTX_get_options": int(context.options), "SSL_CTX_get_verify_mode": 3}
    answers[f"SSL_CTX_get_{setting}"] = 7
    monkeypatch.setattr(pointers, "library", lambda: openssl(**answers))
    with pytest.raises(UnsupportedRuntimeError, match="distribution's python3"):
        pointers.context_pointer(context)


@pytest.mark.parametrize("mode", list(ssl.VerifyMode))
def test_every_verify_mode_reads_back(mode: ssl.VerifyMode) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = mode
    assert pointers.context_pointer(context)


def test_a_connection_of_another_context_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connection = Pair(context, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).connection
    assert pointers.connection_pointer(connection)
    monkeypatch.setattr(pointers, "library", lambda: openssl(SSL_get_SSL_CTX=0))
    with pytest.raises(UnsupportedRuntimeError):
        pointers.connection_pointer(connection)


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    with pytest.raises(UnsupportedRuntimeError, match="pypy"):
        library.library.__wrapped__()


def test_an_openssl_out_of_reach_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_ssl", SimpleNamespace())
    with pytest.raises(UnsupportedRuntimeError, match="out of reach"):
        library.library.__wrapped__()
