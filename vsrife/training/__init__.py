"""Training of the embedded models: moving scenes, footage, loss and one loop. Needs torch."""
