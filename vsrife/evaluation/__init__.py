"""Measures ways to interpolate: every other frame of a film is left out and made anew."""
