"""The operations written down for ncnn."""
