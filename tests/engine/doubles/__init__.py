"""Doubles of the clouds' providers, served to the real engine over gRPC.

`rules` says how a kind of resource behaves, `provider` serves it, `world` is what exists "in the cloud", and `wire`
knows how secrets and unknown values travel.
"""
