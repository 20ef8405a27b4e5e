// The style of the HTML report; used by html.cpp only.
#pragma once

#include <string_view>

namespace hostcheck::report {

inline constexpr std::string_view kHtmlStyle = R"css(
:root { color-scheme: light dark;
  --ground: #fbfbfa; --raised: #ffffff; --ink: #1b1e23; --soft: #5b636e; --line: #d9dde2;
  --bad: #b3261e; --warn: #8a5a00; --good: #1f6f43; --open: #6a6f78; --note: #24588f; --code: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171b; --raised: #1c2026; --ink: #e6e8eb; --soft: #9aa3ae; --line: #333a43;
  --bad: #ff8a80; --warn: #f0b860; --good: #6fcf97; --open: #9aa3ae; --note: #8ab8ee; --code: #262c34; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; color: var(--soft); }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; } p { margin: .25rem 0 .5rem; }
.head { color: var(--soft); font-size: .9rem; }
.verdict { display: inline-block; padding: .1rem .6rem; border: 2px solid; border-radius: .3rem; font-weight: 700; }
.critical { color: var(--bad); } .warning { color: var(--warn); } .ok { color: var(--good); }
.info { color: var(--note); } .unknown { color: var(--open); }
article { background: var(--raised); border: 1px solid var(--line); border-left: .35rem solid currentColor; border-radius: .3rem;
  padding: .8rem 1rem; margin: 0 0 1rem; }
article > * { color: var(--ink); } article > .label { color: inherit; font-weight: 700; font-size: .85rem; letter-spacing: .04em; }
.plain { border-left-color: var(--line); }
ul.evidence { list-style: none; margin: .25rem 0 .75rem; padding: 0; }
ul.evidence li { padding: .15rem 0; border-top: 1px solid var(--line); }
.number { font-weight: 600; font-variant-numeric: tabular-nums; } .source { color: var(--soft); font-size: .85rem; }
dl { margin: 0; display: grid; grid-template-columns: 6.5rem 1fr; gap: .2rem .75rem; } dt { color: var(--soft); } dd { margin: 0; }
code { font-family: ui-monospace, monospace; font-size: .9em; background: var(--code); padding: .05rem .3rem; border-radius: .2rem; }
.id { color: var(--soft); font-size: .85rem; margin: .75rem 0 0; }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); }
ul.plainlist { margin: .25rem 0; padding-left: 1.2rem; }
.headline { font-size: 1.15rem; font-weight: 700; margin: .8rem 0 0; } a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .15em; }
.counts { color: var(--soft); margin-left: .4rem; }
code.command { display: block; width: fit-content; max-width: 100%; margin: .3rem 0; padding: .3rem .5rem; white-space: pre-wrap; }
dd > div { margin-bottom: .4rem; }
.halves, .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 1.5rem; }
.halves { background: var(--raised); border: 1px solid var(--line); border-radius: .3rem; padding: .8rem 1rem; }
.drawings { display: flex; flex-wrap: wrap; gap: 1rem 2rem; margin-top: .75rem; }
svg { width: 100%; max-width: 25rem; height: auto; display: block; }
svg text { fill: var(--ink); font-family: system-ui, sans-serif; }
svg .small { font-size: 12.5px; fill: var(--soft); }
svg .step { font-size: 14px; font-weight: 600; } svg .strong { fill: var(--bad); font-weight: 700; }
svg .amber { fill: var(--warn); font-weight: 700; } svg .blue { fill: var(--note); font-weight: 700; } svg a text { text-decoration: underline; }
svg .letter { fill: var(--raised); font-size: 13px; font-weight: 700; text-anchor: middle; }
svg .bar { shape-rendering: crispEdges; }
svg .mark.good, svg .bar.good { fill: var(--good); } svg .mark.bad, svg .bar.bad { fill: var(--bad); }
svg .mark.warn { fill: var(--warn); } svg .mark.note { fill: var(--note); } svg .ring { fill: var(--raised); stroke: var(--soft); stroke-width: 1.5; }
svg .mark.open, svg .bar.open { fill: var(--open); }
svg .sign { fill: none; stroke: var(--raised); stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; }
svg .rail { fill: none; stroke: var(--line); stroke-width: 2; } svg .span { fill: none; stroke: var(--note); stroke-width: 3; stroke-linecap: round; }
svg .median { fill: var(--note); } svg .trough { fill: var(--line); }
svg .until { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .area { fill: var(--note); opacity: .18; } svg .level { fill: none; stroke: var(--note); stroke-width: 2; }
svg .full { fill: none; stroke: var(--bad); stroke-width: 4; } svg .limit { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-dasharray: 5 4; }
svg .dotted { fill: none; stroke: var(--soft); stroke-width: 2; stroke-dasharray: 1.5 3; }
svg .cell.good { fill: none; stroke: var(--good); stroke-width: 1.6; } svg .cell.open { fill: none; stroke: var(--open); }
svg .level-in { fill: var(--good); opacity: .35; }
svg .cross { stroke: var(--bad); stroke-width: 2.6; stroke-linecap: round; }
@media (max-width: 34rem) { body { padding: .6rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } code.command { font-size: .82em; } }
)css";

}  // namespace hostcheck::report
