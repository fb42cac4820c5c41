"""Ways to run the network, by name. Frameworks are imported when they are first asked for."""

from vsrife.inference.select import BACKENDS, MOST, loads, open_backend

__all__ = ["BACKENDS", "MOST", "loads", "open_backend"]
