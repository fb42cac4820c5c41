"""nano and small as PyTorch modules."""
