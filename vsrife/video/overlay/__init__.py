"""Overlays that stay in place over new frames: found, taken off and put back."""
