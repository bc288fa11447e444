"""Message definitions in our own notation, one module per API key."""
