"""The fuzzer: hostile requests to every endpoint, and a model of profiles to compare the product with.

`make fuzz N=100000 SEED=1` sends the requests; `make fuzz-model EXAMPLES=1000` runs the model.
"""
