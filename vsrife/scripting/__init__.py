"""Scripts of VapourSynth, written for a video file."""
