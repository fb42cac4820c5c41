"""Segments of a render: what is done, who makes the rest, and how they become the whole."""
