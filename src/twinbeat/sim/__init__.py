"""The whole cluster in one thread from one seed: real core and wire, all else simulated."""
