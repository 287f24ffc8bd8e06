"""Start, stop and monitor resources; an agent never learns why."""
