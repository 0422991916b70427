"""The lane's use case: load, merge, save and record, for all jobs of a lane in as few transactions as order allows."""
