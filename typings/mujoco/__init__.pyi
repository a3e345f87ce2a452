"""MuJoCo's compiled modules carry no stubs that pyright can follow: every name is Any."""

from typing import Any

def __getattr__(name: str) -> Any: ...
