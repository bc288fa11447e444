"""Generator: definitions to Python classes, C views and writers, and the table of API keys. Standard library only."""
