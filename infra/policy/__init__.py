"""The policy pack: what no environment may do, and what each must have.

The rules are plain functions in `rules`; `pack` hands them to the engine, which runs this folder with
`pulumi preview --policy-pack infra/policy`, in an environment of its own (requirements/policy.txt).
"""
