"""The local socket: what may be asked of a daemon, its server, and the client library."""
