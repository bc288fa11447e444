"""The program: config, start and stop, and the way from the mailbox to the handlers."""
