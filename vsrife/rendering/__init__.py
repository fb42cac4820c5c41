"""Rendering files: in segments that survive a crash, over many files, by many workers."""
