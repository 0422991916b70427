"""The merge itself: pure rules over frozen values, shared to the letter by the workers and the preview."""
