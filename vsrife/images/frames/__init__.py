"""Kinds of frames that interpolate() takes and gives, and their samples."""
