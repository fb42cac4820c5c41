"""Networks of our own, and one of three frames: described over the same operations as IFNet."""
