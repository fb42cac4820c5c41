"""The operations of the networks: the interface, and each target in a file of its own."""
