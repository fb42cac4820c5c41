"""The files of an export, one target each."""
