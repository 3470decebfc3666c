"""Beside a TLS server: fetch vouchers and OCSP staples, check them, write them where the server reads them.

The way of a voucher through here: `config` names the certificates, `wanted` turns them into sites and fetch tasks,
`schedule` says when each is due, the task's kind (`kinds`) brings an answer and judges it by the rules of a client,
`store` writes it. `refresh` does this in rounds, `daemon` for ever; `verdicts` and `memory` see to it that nothing is
judged again that has not changed; `report` tells how everything stands. Nothing here holds a key.
"""
