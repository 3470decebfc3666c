"""One TLS handshake with one address of a server, and corroboration over addresses and perspectives."""
