"""Consumer groups: classic and KIP-848, and the offsets they commit."""
