"""Trains the embedded models: generated scenes, footage, loss and the loop. Needs torch."""
