"""A tour of Tercet: `python -m examples.tour` starts a mesh, uses all of it, and stops it.

One file per step, each the way a user would write it: `greeter` (processes), `photo` and `threads`
(threads), `video` and `pipeline` (programs). `mesh` starts and stops what they talk to.
"""
