"""Measuring ways to interpolate on films whose every other frame is left out."""
