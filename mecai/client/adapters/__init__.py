"""What makes other people's libraries demand vouchers where their own settings do not reach: one module for each.

They are loaded when `mecai.client` is asked for them by name, and need the library that they adapt, which the wheel
does not bring. docs/python-client.md has them all, and the libraries that need none.
"""
