"""The operations networks are made of: an interface, and one target in each other file."""
