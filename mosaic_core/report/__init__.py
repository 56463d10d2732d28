"""The report on a memory: how much it takes, how well its views agree, and what it shows along a camera path.

`measure` gives numbers (JSON-able), `text` a table of them, `page` one picture of plots and maps.
"""

from .measure import Report, measure
from .text import report_lines

__all__ = ["Report", "measure", "report_lines"]
