"""How many variations each task has, for whoever reads episodes without the simulator.

A test holds the table beside the tasks themselves (`simulate/tasks`). A task that is not in it is
somebody's own: nothing is known of its variations.
"""

from collections.abc import Mapping

VARIATIONS: Mapping[str, int] = {
    "open_drawer": 3,
    "slide_block_to_color_target": 4,
    "sweep_to_dustpan_of_size": 2,
    "meat_off_grill": 2,
    "turn_tap": 2,
    "put_item_in_drawer": 3,
    "close_jar": 20,
    "reach_and_drag": 20,
    "stack_blocks": 60,
    "light_bulb_in": 20,
    "put_money_in_safe": 3,
    "place_wine_at_rack_location": 3,
    "put_groceries_in_cupboard": 9,
    "place_shape_in_shape_sorter": 5,
    "push_buttons": 50,
    "insert_onto_square_peg": 20,
    "stack_cups": 20,
    "place_cups": 3,
    "push_buttons_free": 1008,
    "reach_and_drag_free": 20,
}
