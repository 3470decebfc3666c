"""The OCSP responder: single responses over HTTP, without any key of a CA."""
