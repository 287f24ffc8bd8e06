"""The laboratory: two nodes and a client in network namespaces, running the real program."""
