"""Files in, files out: reading, encoding and drawing video."""
