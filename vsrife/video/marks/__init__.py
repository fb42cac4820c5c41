"""Marks of frames: scene changes, duplicates, bad frames."""
