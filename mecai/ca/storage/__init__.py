"""What an authority keeps: its keys and its register."""
