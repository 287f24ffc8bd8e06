"""The language of scenarios, which the simulator and the laboratory both play. Pure.

parse(text, file)     -> Script, or ScriptError with diagnostics
Player(script, stage) plays it paragraph by paragraph and collects what was not as expected
Stage                 what a stage must be able to do

docs/scenarios.md is its manual.
"""

from .player import Player, Stage, Unmet, View, at_once
from .script import Line, Paragraph, Script, ScriptError, parse, places, printed

__all__ = [
    "Line",
    "Paragraph",
    "Player",
    "Script",
    "ScriptError",
    "Stage",
    "Unmet",
    "View",
    "at_once",
    "parse",
    "places",
    "printed",
]
