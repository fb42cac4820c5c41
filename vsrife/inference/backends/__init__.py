"""Frameworks that run the network, one file each, and what runtimes have in common."""
