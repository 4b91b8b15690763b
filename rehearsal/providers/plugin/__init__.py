"""What every stand-in provider plugin needs: the protocol, its values, the process (docs/adr/0003)."""
