"""The lab: a topology file becomes real hosts on real networks, inside namespaces of its own.

`topology` reads the file, `plan` allots addresses, `image` builds the base system, `nspawn` makes networks and hosts,
`access` writes the SSH config and the Ansible inventory, `health` asks each host whether it works in meaning.
`stages` and `up` put them in order; `cli` holds one file per verb. Nothing outside `cli` prints.
"""
