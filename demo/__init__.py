"""The demonstration: made-up people with duplicates as they arise in life, merged by the real product over its wire."""
