"""The database of a VAS: tables, their history, and the logs kept in them."""
