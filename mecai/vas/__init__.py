"""A Voucher Authority Server, in rooms each of which imports only those after it.

`http` (status codes), `admission` (quotas, load), `issuance` (the order of work), `hold`, `trust` and `storage`;
`assembly` puts them together as `config` says.
"""
