"""Makes the dated price tables of the catalogue from public ones; never run by an environment."""
