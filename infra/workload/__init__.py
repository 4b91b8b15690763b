"""What runs on a cluster: the namespace, training, the prediction service, and what they share."""
