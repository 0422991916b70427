"""Tables that Citus distributes over several servers, its nodes: see docs/adr/0062-work-by-node.md."""
