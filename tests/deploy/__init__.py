"""The example inventory, as its README says, on plain Debian hosts that only SSH and sudo reach."""
