"""Text files of merges: lines in UTF-8, then records of CSV or JSON Lines, then pairs of identifiers."""
