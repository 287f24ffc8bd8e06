"""`twinbeat sim`, as it is typed; `simulation` plays one seed, `campaign` many."""

from pathlib import Path
from typing import Annotated

import typer

from twinbeat.core.model import Proof

NODES_MIN, NODES_MAX = 2, 7
MINUTES_MAX = 24 * 60
SEEDS_MAX = 10_000_000

Seed = Annotated[int | None, typer.Option(metavar="N", min=0, help="Play this one run.")]
Seeds = Annotated[
    str | None, typer.Option(metavar="A..B", help="Play the runs A to B, both included.")
]
Jobs = Annotated[
    int, typer.Option(metavar="J", min=1, max=256, help="Processes that play --seeds.")
]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME-or-FILE",
        help="Play a scenario instead: a file, or the name of one in scenarios/; may be repeated.",
    ),
]
Nodes = Annotated[
    int | None,
    typer.Option(metavar="2..7", min=NODES_MIN, max=NODES_MAX, help="[default: drawn]"),
]
Proofs = Annotated[Proof | None, typer.Option(help="[default: drawn]")]
Minutes = Annotated[
    int | None,
    typer.Option(
        metavar="M", min=1, max=MINUTES_MAX, help="Length of the faulty part [default: 5]."
    ),
]
MutantName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Break this rule of the core first.")
]
Only = Annotated[
    str | None,
    typer.Option(metavar="N,N...", help="With --seed: only these faults; `none` for none."),
]
CalmIn = Annotated[
    list[str] | None,
    typer.Option(metavar="WHAT", help="No chance in weather, clocks or agents; may be repeated."),
]
Shrink = Annotated[
    bool, typer.Option("--shrink/--no-shrink", help="Make a failing run smaller first.")
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the outcome there.")
]
Mermaid = Annotated[
    bool, typer.Option("--mermaid", help="With --seed: draw the run as text, for a document.")
]
Svg = Annotated[Path | None, typer.Option(metavar="FILE", help="With --seed: draw the run there.")]
Recording = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="With --seed: record every life there, for `twinbeat replay`."
    ),
]
Speed = Annotated[
    bool, typer.Option("--speed", help="Measure how fast this machine plays, and nothing else.")
]


def sim(
    seed: Seed = None,
    seeds: Seeds = None,
    jobs: Jobs = 1,
    scenario: Scenarios = None,
    nodes: Nodes = None,
    proof: Proofs = None,
    minutes: Minutes = None,
    mutant: MutantName = None,
    only: Only = None,
    calm: CalmIn = None,
    shrink: Shrink = True,
    json_file: JsonFile = None,
    mermaid: Mermaid = False,
    svg: Svg = None,
    record: Recording = None,
    speed: Speed = False,
) -> None:
    """Try to break the promise of one owner, in virtual time.

    The real core and the real packets run in a simulated cluster whose every fault is drawn from
    the seed: lost and forged packets, partitions, crashes, freezes, drifting clocks, agents and
    fencing that fail, operators at bad moments. Safety is judged under any of them. Then all is
    healed, and every group must run where it belongs within the bound, and stay there.

    A seed is the same run on every machine. It prints its options, one line for each change of
    state, the verdict, and last the command that plays it again. A run that fails is made smaller
    first: fewer faults, shorter, calmer, as long as the same checker complains. Ctrl-C ends --seeds
    with the summary so far.

    --scenario plays what a file says instead, without chance, and prints it as a transcript; the
    other options do not concern it. docs/scenarios.md has the language.

    \b
    Exit codes:
      0  no promise was broken; the scenario went as it expects
      1  a promise was broken, and the command that repeats it is printed last; the scenario went
         otherwise
      2  the command was not understood
      130  interrupted, and nothing was broken until then

    \b
    Examples:
      twinbeat sim --seed 7
      twinbeat sim --seed 7 --nodes 3 --proof arbiter --svg run.svg
      twinbeat sim --seeds 0..9999 --jobs 8 --proof fence
      twinbeat sim --scenario one-way-cut
    """
    if speed and seed is None and seeds is None and not scenario:
        from .speed import tell_speed

        tell_speed()
        return
    if scenario and seed is None and seeds is None:
        from .scenario import play_scenarios

        raise typer.Exit(int(play_scenarios(scenario)))
    from .simulation import Order, chosen_calm, chosen_faults, simulate_one

    order = Order(nodes, proof, minutes, chosen_calm(calm or []), _known(mutant), shrink)
    if speed or scenario or (seed is None) == (seeds is None):
        raise typer.BadParameter("give one of --seed N, --seeds A..B, --speed or --scenario")
    if seed is not None:
        broken = simulate_one(seed, order, chosen_faults(only), json_file, mermaid, svg, record)
        raise typer.Exit(int(broken))
    if only is not None or mermaid or svg is not None or record is not None:
        raise typer.BadParameter("--only, --mermaid, --svg and --record need one run: --seed N")
    from .campaign import simulate_many

    raise typer.Exit(simulate_many(_range(seeds or ""), order, jobs, json_file))


def _range(text: str) -> range:
    first, dots, last = text.partition("..")
    if not (dots and first.isdecimal() and last.isdecimal()):
        raise typer.BadParameter(f"--seeds {text}: two numbers are expected, as in 0..99")
    if not int(first) <= int(last) < int(first) + SEEDS_MAX:
        raise typer.BadParameter(f"--seeds {text}: from the lower to the higher, {SEEDS_MAX} most")
    return range(int(first), int(last) + 1)


def _known(mutant: str | None) -> str | None:
    if mutant is not None:
        from twinbeat.sim.mutants import MUTANTS

        if mutant not in MUTANTS:
            names = ", ".join(sorted(MUTANTS))
            raise typer.BadParameter(f"there is no mutant {mutant}; these are: {names}")
    return mutant
