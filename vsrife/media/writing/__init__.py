"""Writing a film: the choice of an encoder, frames in its format, the file."""
