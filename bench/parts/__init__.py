"""What is measured, a module for each part; every part stands for itself and can be run alone."""
