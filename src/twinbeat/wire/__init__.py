"""Bytes to messages and back: Heartbeat's text format, its signatures, the replay window. Pure."""
