"""twinbeat: high availability for Linux, the successor of Linux-HA Heartbeat."""

__version__ = "0.1.0"
