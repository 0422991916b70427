"""The merge rules: pure functions of frozen values. Workers and previews use the same ones."""
