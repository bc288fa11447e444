"""The Kafka protocol: definitions, the generator, and what it made. Imports nothing else of pybroker."""
