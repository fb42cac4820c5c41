"""Films side by side: the scores of the frames that they share, as one HTML page."""
