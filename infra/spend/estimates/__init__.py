"""What resources cost, a module a cloud: a table from Pulumi's types to functions that give lines."""
