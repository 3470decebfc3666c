"""Beside a TLS server: fetch vouchers and OCSP staples, check them, lay them where the server reads them.

The way of a voucher through here: `config` and `site` say for what, `agenda` says when, `ask` gets an answer of a VAS,
`judge` holds it against the rules of a client, `shelf` lays it. `round` walks this way once, `daemon` again and again;
`report` tells what lies on the shelf. Nothing here holds a key.
"""
