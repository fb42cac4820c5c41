"""nano and small, described twice as they were before `vsrife.network.ifnet`."""
