"""Proofs of consumption: Groth16 over BN254, its encodings, and the Poseidon digest it speaks of.

Pure. A back end computes pairings and nothing else; every point has been checked before it sees it.
"""
