"""A Voucher Authority: probe, evidence, certificate log, signer, HTTP interface."""
