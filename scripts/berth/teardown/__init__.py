"""`berth down`: what goes in which order, what is saved first, what stood in the way, and what is left.

`down.down` is the flow; every other module is one part of it. `state` and `order` are pure: they read what
`pulumi stack export` prints.
"""
