"""The loop of each policy: results are evaluated, what changed is published, in the order of the contract."""
