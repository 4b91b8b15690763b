module berth.invalid/rehearsal/cluster/pause

go 1.26.0
