"""The preview as a decision: what changes, what it costs, what it may lack or break. Pure: asks nobody."""
