"""Webhooks: whom a workspace wants told when its batches finish, what they are told, and where they may lie."""
