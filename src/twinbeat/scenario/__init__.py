"""The language of scenarios, which the simulator and the laboratory both play."""
