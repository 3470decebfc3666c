"""A second client, written from docs/spec and the RFCs that it names, and from nothing else of this project.

It is plain on purpose: one check a line, no cleverness, another ASN.1 library than the product's (asn1crypto; of
`cryptography` the bare signature primitives only). Nobody should use it. It has two purposes: what both clients answer
alike was not read into the text by one of them, and `python -m tests.conformance mutants` breaks it line by line, to
see whether the cases notice.
"""
