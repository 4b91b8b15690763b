"""The engine runs this folder as a program; the rules are a package of the checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra.policy.pack import serve

serve()
