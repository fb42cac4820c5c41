"""What networks are trained on: generated scenes, footage and data sets, mixed into batches."""
