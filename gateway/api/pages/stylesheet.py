"""The one stylesheet: readable on a phone, in the dark, and by who does not see colours."""

from __future__ import annotations

STYLESHEET = b"""\
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --edge: #6b7280; --act: #0b57a4; --bad: #a3161b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --paper: #15181c; --edge: #8b949e; --act: #8ab8ea; --bad: #ff9a94; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
.gateway { margin: 0 0 .5rem; color: var(--edge); }
.alert { border: 2px solid var(--bad); border-radius: .4rem; padding: .6rem .8rem; color: var(--bad); }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input, select { width: 100%; min-height: 2.75rem; padding: .4rem .6rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--edge); border-radius: .4rem; }
.box { display: flex; gap: .6rem; align-items: flex-start; }
.box input { flex: none; width: 1.25rem; min-height: 1.25rem; margin: .5rem 0; accent-color: var(--act); }
.box label { margin: 0; padding: .375rem 0; font-weight: normal; }
fieldset { margin: 1rem 0 0; padding: .25rem .8rem .5rem; border: 1px solid var(--edge); border-radius: .4rem; }
legend { padding: 0 .25rem; font-weight: 600; }
option { color: var(--ink); background: var(--paper); }
h2 { font-size: 1.25rem; line-height: 1.25; margin: 2rem 0 .5rem; }
a { color: var(--act); }
pre { margin: 1rem 0; padding: .6rem .8rem; border: 1px solid var(--edge); border-radius: .4rem;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
pre code { color: var(--ink); }
.keys { list-style: none; padding: 0; }
.keys li { margin: 0 0 1.5rem; padding: 0 0 1rem; border-bottom: 1px solid var(--edge); }
.keys p { margin: .25rem 0; }
.keys button { margin: .5rem 0 0; }
button { width: 100%; min-height: 2.75rem; margin: 1rem 0 0; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--paper); background: var(--act); border: 1px solid var(--act); border-radius: .4rem; }
button.plain { color: var(--act); background: transparent; }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
ul { padding-left: 1.25rem; }
li { margin: .25rem 0; }
code { color: var(--edge); font-size: .875em; }
"""
