"""Everything that works on VapourSynth nodes and frames."""
