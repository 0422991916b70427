"""The meaning of the columns of CSV files: which identifier or attribute a column names, and the type of its cells."""
