"""A certificate authority: roots, issuing, revocation, the OCSP responder."""
