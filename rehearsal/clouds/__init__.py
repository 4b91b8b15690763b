"""The services that a rehearsal puts in the place of a cloud's."""
