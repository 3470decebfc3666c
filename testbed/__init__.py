"""The lab: a topology file becomes real hosts on real networks, inside namespaces of its own.

`model` is the topology and the plan of its addresses, `machine` this machine and a lab's files on it, `drivers` make
networks and hosts, `provision` fills them, `scenarios` are played on them, `lifecycle` puts it all in order; `cli`
holds one file per verb. Nothing outside `cli` prints.
"""
