"""Without a cluster: a policy file in, a directory out."""
