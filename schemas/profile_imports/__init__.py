"""Profiles to import: one JSON object a line, as exports of Mergelane and of the vendor have it."""

from schemas.profile_imports.model import (
    ImportedProfile,
    ImportResult,
    LineRefused,
    OnConflict,
)
from schemas.profile_imports.parsing import parse_profile

__all__ = ["ImportResult", "ImportedProfile", "LineRefused", "OnConflict", "parse_profile"]
