"""Not too many commands at once: what starts and stops never waits behind what only looks."""

import asyncio

ORDERS = 16
LOOKS = 8


class Turns:
    """The turns that the agents of one node take; a verb's time runs from when it has one."""

    def __init__(self, orders: int = ORDERS, looks: int = LOOKS) -> None:
        self.orders = asyncio.Semaphore(orders)
        """For starts and stops."""
        self.looks = asyncio.Semaphore(looks)
        """For monitors: so many hanging ones delay each other, and nothing else."""
