"""The network that an environment lives in: address arithmetic, and a component a cloud."""
