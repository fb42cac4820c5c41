"""Weights files: finding, fetching, reading and writing them.

Only this package touches the model folders and the internet, and neither at import. Reading needs
numpy and safetensors, no framework.
"""

from vsrife.weights.files import (
    GRAPHS,
    SUFFIXES,
    is_graph,
    read_arrays,
    read_content,
    read_weights,
    save_weights,
)
from vsrife.weights.find import find_weights
from vsrife.weights.folders import (
    CACHE_VARIABLE,
    FOLDER_VARIABLE,
    cache_folder,
    embedded_folder,
    script_folder,
    user_catalogue,
    user_folder,
    write_whole,
)
from vsrife.weights.locate import model_name

__all__ = [
    "CACHE_VARIABLE", "FOLDER_VARIABLE", "GRAPHS", "SUFFIXES", "cache_folder", "embedded_folder",
    "find_weights", "is_graph", "model_name", "read_arrays", "read_content", "read_weights",
    "save_weights", "script_folder", "user_catalogue", "user_folder", "write_whole",
]  # fmt: skip  # a list of words
