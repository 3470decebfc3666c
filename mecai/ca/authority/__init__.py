"""What an authority does: issue, revoke, publish; its keys and its profiles."""
