"""LightGBM's text from untrusted hands, under a header of our own."""

from __future__ import annotations

from autoedge.errors import SurrogateError
from autoedge.lightgbm_text import END, sound_trees

MOST_BYTES = 64 * 2**20
MOST_LEAVES = 4096


def trees_of(text: str, columns: int, outputs: int) -> str:
    """The text of a LightGBM model reduced to its trees, every one of which is sound, under a header of our own.

    Args:
        text: As LightGBM wrote it, from anywhere.
        columns: Inputs that it may look at.
        outputs: Values that it predicts.

    Raises:
        SurrogateError: It is something else, or a tree points outside itself.
    """
    try:
        body = sound_trees(text, columns, outputs, MOST_LEAVES)
    except ValueError as error:
        raise SurrogateError(str(error)) from error
    header = [
        "tree",
        "version=v4",
        f"num_class={outputs}",
        f"num_tree_per_iteration={outputs}",
        "label_index=0",
        f"max_feature_idx={columns - 1}",
        f"feature_names={' '.join(f'c{column}' for column in range(columns))}",
        f"feature_infos={' '.join(['none'] * columns)}",
    ]
    return "\n".join(header) + "\n\n" + body + END + "\n"
