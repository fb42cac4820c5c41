"""Time, memory and bytes of networks and filters, ours and those of peers."""
