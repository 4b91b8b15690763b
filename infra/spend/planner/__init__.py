"""Which zone a job runs in, on spot or on demand, at each step until its deadline; nothing is launched here.

Describe the job (`model.Job`), tell a policy (`policies`) what is known of each zone now (`model.Outlook`)
and where the job stands (`model.Situation`), and do what it decides:

    job = Job.in_hours(work=20, deadline=30, restart=0.1, checkpoint_every=0.25)
    policy = MultiZone(pace=Pace.UNIFORM)
    decision = policy.decide(job, outlook, situation)

The decision is a `model.Placement`, or None to wait. Ask again after `outlook.step_s`. A policy is a value
and `decide` a pure function of its arguments, so that a recorded decision can be made again.

Before a job begins, `advice.advise` says all of that at once, with what it will probably cost; `berth plan`
prints it for the zones (`zones.zones`) of an accelerator.

What a policy would have cost is found by replaying what the zones did: `traces.parse` reads the public format
of spot traces, `synthetic.generate` makes traces up, `simulator.replay` runs a policy through them.

The promise: a deadline that on-demand alone meets from the start is met by every policy here. It rests on
three assumptions: on-demand capacity is always to be had, as in the paper behind `policies`; the work is no
longer and a launch no slower than `Job` says; and what is decided is done, at every step.
"""
