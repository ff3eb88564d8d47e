"""Pure: from probe results and a policy to a decision. No I/O, no clock, no Kubernetes."""
