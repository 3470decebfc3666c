"""`mecai client proxy`: an HTTP proxy on loopback that lets a browser meet vouched servers alone (ADR 0068).

A connection's way through the files: `door` takes it and reads its `head`; `destination` says where it may lead;
`upstream` connects there and judges, by what `trust` holds; `near` ends the browser's TLS with a certificate that
`leaves` has from the `authority` of this machine; then `tunnel` passes octets on, or `refusal` explains why not.
`own` answers who asks the proxy itself, of what the `journal` holds. No octet of an application goes either way before
the verdict: the browser hears that its tunnel stands only then.
"""
