"""One environment, one values file and one short program: `build(env) -> StackOutputs`, a module a target."""
