"""Coordinators: pure state behind requests and timers, and the runtime that keeps it in internal topics."""
