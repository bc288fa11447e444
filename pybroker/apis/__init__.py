"""Handlers of the control plane's API keys, one module each: decode, ask, encode. No state lives here."""
