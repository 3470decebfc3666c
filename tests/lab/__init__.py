"""The running lab, looked at from outside with testinfra: hosts, authorities, TLS server, client."""
