"""Section of task and provincial bulletins: typical experience in the units' own words."""

from __future__ import annotations

from orchestration.bulletin.content import Block, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.figures.wording import clean

IN = ("task", "province")
ORDER = 60
TITLE = "典型经验"

#: Number of examples in a bulletin: they fill a page of the column (专栏).
_EXAMPLES = 5
#: The contract's limit on a highlight, in characters.
_LONGEST = 500


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return examples of units graded excellent: national units first, then by score."""
    column = "task_code" if place.kind == "task" else "province_code"
    chosen = [row for row in marts.highlights if row[column] == place.code][:_EXAMPLES]
    if not chosen:
        return []
    return [
        paragraph("以下摘自省级考核优秀单位的年度报送材料，文字由单位提供。"),
        *(paragraph(f"{row['unit_name']}：{clean(row['highlight'], _LONGEST)}") for row in chosen),
    ]
