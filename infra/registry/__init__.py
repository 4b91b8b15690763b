"""Images: which tag, from which registry, and the login to pull them."""
