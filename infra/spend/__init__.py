"""What an environment may cost, who hears of it, and what the preview says of it."""
