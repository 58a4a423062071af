"""ICD-10-CM: whether a code is one, and what it means. The only file that imports simple-icd-10-cm.

The classification takes a second and a half and 150 MB to load: only the curator's list of codes does.
"""

from __future__ import annotations

import warnings


def describe(code: str) -> str | None:
    """Give what ICD-10-CM calls a code, with or without its dot; None for a code that it lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10_cm

    return simple_icd_10_cm.get_description(code) if simple_icd_10_cm.is_valid_item(code) else None
