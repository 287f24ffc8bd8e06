"""The whole cluster in one thread from one seed: real core, real wire, everything else simulated."""
