"""One seeded world that drives payouts and books through every failure that we know of."""
