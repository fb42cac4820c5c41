"""The other streams of a film: sound, text and what else a file holds."""
