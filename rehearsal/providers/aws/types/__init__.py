"""The resource types, a file a service; each file exports TYPES (see `rehearsal.providers.aws.table`)."""
