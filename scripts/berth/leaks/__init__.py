"""`berth leaks`: what lives in the cloud and is not in an environment's state, and its removal.

Only what is classed as leaked is ever removed, and each removal is written down.
"""

from scripts.berth.leaks.deletion import Deleted, delete
from scripts.berth.leaks.finding import find, find_all, place_of
from scripts.berth.leaks.log import log_of
from scripts.berth.leaks.view import as_mapping, report

__all__ = ["Deleted", "as_mapping", "delete", "find", "find_all", "log_of", "place_of", "report"]
