"""The benchmark: the cost of a merge, compared with the obvious design, with other queues and without a queue."""
