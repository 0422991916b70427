"""A model of profiles in memory, written from the documents, to compare the product with step by step.

It shares no code with `app`: it computes the result of a merge from the whole history of the merged people, not from
summaries and rules.
"""
