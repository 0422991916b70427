"""Webhooks: HTTP endpoints of a workspace that receive a notice for each finished batch.

A *notice* is the message on the wire; in code, a `Delivery` is a notice with its attempts and its state.
"""
