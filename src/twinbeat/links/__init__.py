"""Carry datagrams between nodes, and know nothing of their meaning."""
