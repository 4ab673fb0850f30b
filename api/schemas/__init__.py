"""The shapes of all answers, and of the one request that has a body; one file per resource."""
