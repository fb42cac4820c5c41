"""The operations written down for TFLite."""
