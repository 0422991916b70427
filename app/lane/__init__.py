"""Execute lanes: load, merge, save and record all jobs of a lane in as few transactions as their order allows."""
