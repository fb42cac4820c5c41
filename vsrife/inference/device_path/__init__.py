"""What keeps a PyTorch device fed: frames as clips store them, few waits, few calls."""
