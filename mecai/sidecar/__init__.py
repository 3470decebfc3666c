"""Beside a TLS server: fetch vouchers and OCSP staples, check them, write them where the server reads them.

The way of a voucher through here: `config` and `site` say for what, `schedule` says when, `mecai.vrp` brings an answer
of a VAS, `judge` holds it against the rules of a client, `store` writes it. `refresh` does this once, `daemon` again
and again; `report` tells what the store holds. Nothing here holds a key.
"""
