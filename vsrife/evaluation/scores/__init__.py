"""Scores of a picture, or of every frame of a clip, against the truth."""
