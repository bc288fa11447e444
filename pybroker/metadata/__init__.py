"""What the broker knows of topics, configs and producer ids: records, an immutable picture of them, and the store that keeps them."""
