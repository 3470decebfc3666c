"""The HTTP interface of a VAS: the only room that knows status codes."""
