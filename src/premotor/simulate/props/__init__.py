"""The things on the table, one file per prop, drawn from primitives and generated surfaces."""

from premotor.simulate.modeling.blueprint import (
    TABLE,
    VISUAL,
    Blueprint,
    Box,
    Prop,
    Solid,
    slot_of,
)

__all__ = ["TABLE", "VISUAL", "Blueprint", "Box", "Prop", "Solid", "slot_of"]
