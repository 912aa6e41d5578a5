"""Configurations in few words, and which knobs are worth a word."""

from autoedge.report.configuration import identity, knob_words, level, ordered, recipe_words, varying, words

__all__ = ["identity", "knob_words", "level", "ordered", "recipe_words", "varying", "words"]
