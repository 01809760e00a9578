"""The options of a gateway."""

from __future__ import annotations

import msgspec


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    # Services of the mesh that are not routed, each with the hint that the caller is given.
    withheld: dict[str, str] = {}
