"""Who may connect to the embedded PostgreSQL when root starts it, by the system user at the other end of the socket."""

import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "postgres"
MAP = "mergelane"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessByUser:
    """The system user *user* may connect as *role* and as no other; root also as the superuser."""

    user: str
    role: str

    def prepare(self, folder: Path) -> Mapping[str, str]:
        """Write the rules to *folder*, and return the settings of PostgreSQL that name them."""
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        root = pwd.getpwuid(0).pw_name
        pairs = [(root, SUPERUSER), (root, self.role), (self.user, self.role)]
        files = {
            "pg_hba.conf": f"local all all peer map={MAP}\n",
            "pg_ident.conf": "".join(f"{MAP} {user} {role}\n" for user, role in pairs),
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o644)
        return {
            "hba_file": str(folder / "pg_hba.conf"),
            "ident_file": str(folder / "pg_ident.conf"),
            # Only the two users can enter the folder of the socket.
            "unix_socket_permissions": "0777",
        }
