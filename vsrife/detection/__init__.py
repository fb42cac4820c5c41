"""Scene changes and duplicates as arithmetic over arrays: knows no VapourSynth and no framework."""
