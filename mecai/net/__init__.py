"""The one bounded way out to other hosts: which addresses may be contacted, names, connections, one HTTP exchange."""
