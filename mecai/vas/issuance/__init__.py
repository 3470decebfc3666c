"""From a request that was let in to a signed voucher: targets, own status, signer, and the order of work."""
