"""What the command line does in an AWS account: look-ups, the way in, records in the bucket, snapshots.

A rehearsal's account is asked by the same code: its endpoint comes from AWS_ENDPOINT_URL.
"""
