# SPDX-License-Identifier: Apache-2.0
"""Members of the enumerations under their own names, for the package to take over."""

from ._enums import exported_members

_members = exported_members()
__all__ = sorted(_members)
globals().update(_members)
