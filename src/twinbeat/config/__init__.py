"""Configuration: text in, a model or diagnostics out. Pure: no IO, no clock.

Source, Sources     what the shell read
load(sources)       -> Loaded(model, keyring, diagnostics)
to_toml(model)      the same cluster as cluster.toml
judge(placed, ...)  what was found of the resources on this machine, as diagnostics
starter(...)        the text of a first configuration
"""

from .clustertoml import PRESETS
from .convert import to_toml
from .diagnostics import Diagnostic
from .loading import Loaded, Placed, load
from .starter import starter
from .survey import judge
from .text import Machine, Source, Sources

__all__ = [
    "PRESETS",
    "Diagnostic",
    "Loaded",
    "Machine",
    "Placed",
    "Source",
    "Sources",
    "judge",
    "load",
    "starter",
    "to_toml",
]
