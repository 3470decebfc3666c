"""`python -m testbed.cli`: the `testbed` command without its installed script."""

from testbed.cli.main import main

main()
