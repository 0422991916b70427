"""Moves a workspace between cells: complete installations that one balancer serves."""
