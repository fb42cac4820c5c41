"""Sessions that stand before others: memory, tiles, several devices, what changes, several ways."""
