"""The identity feed: every change of who a profile is, in the order of the effects, and the survivor of every id."""
