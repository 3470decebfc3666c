"""The room that touches OpenSSL, tested in memory."""
