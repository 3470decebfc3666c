"""The nspawn driver: a plan becomes network namespaces and systemd hosts on this machine.

`network` joins namespaces with bridges and veth pairs, `overlay` gives each host a file system, `cgroups` gives it a
control group of its own, `hosts` boots, finds, enters and stops it.
"""
