"""RIFE frame interpolation for VapourSynth."""
