"""Ways to make frames that were left out of a film, scored frame by frame."""
