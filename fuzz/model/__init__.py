"""A model of profiles in memory, written from the documents, that the product is held against step by step.

It shares no line with `app`: what a merge comes to is worked out from everything that ever happened to the people in
it, not from summaries and rules.
"""
