"""What vouchers, requests, the TLS extensions, the directory and the rules are.

Pure: no socket, file, clock, environment or logging; time and bytes are arguments.
"""
