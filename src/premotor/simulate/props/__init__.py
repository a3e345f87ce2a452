"""The things on the table, one file per prop, drawn from primitives and generated surfaces."""

from premotor.simulate.props.base import Blueprint, Box, Prop, slot_of
from premotor.simulate.props.block import Block
from premotor.simulate.props.button import Button
from premotor.simulate.props.cabinet import Cabinet
from premotor.simulate.props.mat import Mat

__all__ = ["Block", "Blueprint", "Box", "Button", "Cabinet", "Mat", "Prop", "slot_of"]
