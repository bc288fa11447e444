"""Groups of consumers: who owns which partition, and how far each group has read."""
