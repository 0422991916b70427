"""The measurements, a module for each part. Every part can run alone."""
