"""A run as one HTML page that needs nothing but itself."""

import os
from collections.abc import Sequence
from datetime import datetime
from html import escape

from .drawing import COLOURS, timeline
from .files import Timing, httpd_kind
from .kernel import SECOND
from .report import explaining, in_ms, story
from .result import Result
from .topology import SEATS, VIRTUAL_IP

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f3f4f6; color: #1f2937;
       font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; margin: 0; } h2 { font-size: 20px; margin: 0; }
p { margin: 4px 0; } .quiet { color: #6b7280; }
section { background: #fff; border: 1px solid #e5e7eb; border-radius: 10px;
          padding: 18px 20px; margin-top: 22px; }
table { border-collapse: collapse; width: 100%; background: #fff; margin-top: 22px;
        border: 1px solid #e5e7eb; border-radius: 10px; overflow: hidden; }
th, td { padding: 7px 12px; text-align: left; border-top: 1px solid #e5e7eb; }
th { border: 0; background: #f9fafb; font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td a { color: inherit; } svg { display: block; width: 100%; margin: 12px 0 4px; }
.ok { color: #15803d; font-weight: 600; } .failed { color: #dc2626; font-weight: 600; }
ol { margin: 8px 0 0; padding-left: 2.2em; columns: 1;
     font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
ol .at { color: #6b7280; display: inline-block; min-width: 6.5em; text-align: right;
         margin-right: 1em; }
ul.key { display: flex; flex-wrap: wrap; gap: 4px 22px; list-style: none; padding: 0;
         margin: 14px 0 0; color: #6b7280; font-size: 13px; }
ul.key i { display: inline-block; width: 26px; height: 11px; margin-right: 7px; }
"""

HATCH = "repeating-linear-gradient(45deg, {0} 0 2px, #fff 2px 6px)"


def page(results: Sequence[Result], timings: Sequence[Timing]) -> str:
    """Return the page of the results, which were got with these timers."""
    title = "twinbeat: the reference experiment"
    failed = sum(not result.ok for result in results)
    verdict = (
        f'<span class="failed">{failed} of {len(results)} steps failed</span>'
        if failed
        else f'<span class="ok">all {len(results)} steps as expected</span>'
    )
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}{_node_colours()}</style></head>
<body><main>
<h1>{title}</h1>
<p>Two nodes, one virtual IP ({VIRTUAL_IP}), one web server ({httpd_kind()}), and a client that
pings every 5 ms and fetches every 10 ms: {verdict}.</p>
<p class="quiet">{when} · Linux {escape(os.uname().release)}{"".join(map(_timing, timings))}</p>
{_key()}
{_table(results)}
{"".join(_section(number, result) for number, result in enumerate(results))}
</main></body></html>
"""


def _timing(timing: Timing) -> str:
    return f"""<br>timing {escape(timing.name)}: keepalive {timing.keepalive} ms, warntime
{timing.warntime} ms, deadtime {timing.deadtime} ms, initdead {timing.initdead} ms"""


def _node_colours() -> str:
    return "".join(f".node{n} {{ color: {colour}; }}\n" for n, colour in enumerate(COLOURS))


def _key() -> str:
    items = [
        (f"background:{colour}", f"{seat.name} answers")
        for seat, colour in zip(SEATS, COLOURS, strict=True)
    ]
    items += [
        (f"background:{HATCH.format('#9ca3af')}", "has the address, silenced by its lapsed lease"),
        ("background:#1f2937;height:4px", "no power"),
        ("background:#fee2e2;outline:1px solid #dc2626", "the client hears nothing"),
    ]
    rows = "".join(f'<li><i style="{style}"></i>{text}</li>' for style, text in items)
    return f'<ul class="key">{rows}<li>▾ gratuitous ARP</li></ul>'


def _table(results: Sequence[Result]) -> str:
    rows = "".join(
        f'<tr><td><a href="#step{number}">{result.name}</a></td><td>{_verdict(result)}</td>'
        f"<td>{_owner(result.owner_before)} → {_owner(result.owner_after)}</td>"
        f'<td class="number">{in_ms(result.ping.gap):.0f}</td>'
        f'<td class="number">{result.ping.lost} / {result.ping.sent}</td>'
        f'<td class="number">{in_ms(result.http.gap):.0f}</td>'
        f'<td class="number">{result.http.lost} / {result.http.sent}</td>'
        f'<td class="number">{in_ms(result.two_owners):.0f}</td></tr>\n'
        for number, result in enumerate(results)
    )
    return f"""<table>
<tr><th>step</th><th></th><th>owner</th><th class="number">echo gap, ms</th>
<th class="number">lost / sent</th><th class="number">page gap, ms</th>
<th class="number">lost / sent</th><th class="number">two owners, ms</th></tr>
{rows}</table>"""


def _section(number: int, result: Result) -> str:
    told = "".join(f"<p>{escape(line)}</p>" for line in story(result))
    lines = "".join(
        f'<li><span class="at">{(line.at - result.action) / SECOND:+.3f} s</span>'
        f'<span class="{_class(line.node)}">{escape(line.node.split(".")[0])}</span>'
        f" {escape(line.level)}: {escape(line.text)}</li>\n"
        for line in explaining(result.scene.lines)
    )
    return f"""
<section id="step{number}">
<h2>{result.name} <small>{_verdict(result)}</small></h2>
<p class="quiet">{escape(result.does)}</p>
{timeline(result)}
{told}
<ol>{lines}</ol>
</section>"""


def _verdict(result: Result) -> str:
    return '<span class="ok">ok</span>' if result.ok else '<span class="failed">failed</span>'


def _owner(name: str | None) -> str:
    if name is None:
        return "nobody"
    return f'<span class="{_class(name)}">{escape(name.split(".")[0])}</span>'


def _class(name: str) -> str:
    names = [seat.name for seat in SEATS]
    return f"node{names.index(name)}" if name in names else "quiet"
