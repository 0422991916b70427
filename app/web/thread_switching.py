"""How soon a thread that computes lets another one run: sooner while several workspaces are active.

A short request waits for that at each response of PostgreSQL, if another thread of its process computes.
"""

import sys

#: Seconds for the threads of one workspace. With Python's 0.005 a short request takes six times as long beside one that
#: computes. A shorter time makes a server slower that has many connections and too little processor time.
ALONE_S = 0.001
#: Seconds while several workspaces are active. Beside others, a workspace has few threads that compute.
BESIDE_OTHERS_S = 0.0002


def set_switch_interval(*, is_alone: bool) -> None:
    """Set it for all threads of this process; *is_alone* if one workspace is active."""
    sys.setswitchinterval(ALONE_S if is_alone else BESIDE_OTHERS_S)
