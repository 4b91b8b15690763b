"""What training and serving share: options, storage, data sets, the model and its files."""
