"""A Voucher Authority Server: probe, evidence, certificate log, trust contexts, signer, HTTP interface.

`app` is the HTTP face, `issue` the order of work behind it; every other module is one step of that order.
"""
