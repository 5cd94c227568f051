"""The aggregates by indicator in SDMX 3.0: structure as SDMX-ML, data as SDMX-CSV 2.0.

``pysdmx`` writes the structure, with the names in one language; the second language is added to
its XML. It does not write the data: it cuts long decimals, and its extra for data needs an older
pyarrow. The tests read both files with it.

Belongs here: code lists, concepts, the data structure and the observations. Doesn't belong here:
open data in other formats (``open_data``).

Sources: SDMX 3.0 section 2 (information model); SDMX-CSV 2.0 field guide; the SDMX code lists
CL_FREQ, CL_OBS_STATUS and CL_DECIMALS.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import duckdb

from orchestration.bulletin.open_data.dataset import ORGAN_EN
from orchestration.bulletin.wording import ORGAN
from orchestration.core.catalogue import load_catalogue
from orchestration.core.seeds import Indicator
from orchestration.figures.numbers import has_decimals
from orchestration.lakehouse.rows import rows_as_dicts

if TYPE_CHECKING:
    from pysdmx.model import Codelist, Component, ConceptScheme, DataStructureDefinition

__all__ = ["AGENCY", "DATAFLOW", "sdmx_files"]

AGENCY, VERSION = "MOE_CN", "1.0.0"
DATAFLOW = "KEY_TASKS"
_NATION, _TOTAL = "CN", "_T"
#: Between the English and the Chinese name until the XML has an element for each; no name has it.
_LANGUAGES = " ‖ "
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_UNITS = Path(__file__).parent / "texts" / "measure_units.csv"
#: Code of CL_OBS_STATUS → its name; which rule sets it is a row of the seed observation_rules.
_STATUSES = {
    "A": ("Normal value", "正常值"),
    "B": ("Time series break", "序列中断"),
    "M": ("Missing value", "缺失值"),
    "P": ("Provisional value", "初步值"),
    "U": ("Low reliability", "可靠性低"),
}
#: Concept → its name in English and Chinese.
_CONCEPTS = {
    "FREQ": ("Frequency", "频率"),
    "REF_AREA": ("Reference area", "地区"),
    "TASK": ("Key task", "重点任务"),
    "INDICATOR": ("Indicator", "指标"),
    "TIME_PERIOD": ("Reporting year", "报告年度"),
    "OBS_VALUE": ("Aggregate of the counted values", "采用值的汇总值"),
    "OBS_STATUS": ("Observation status", "观测状态"),
    "DECIMALS": ("Decimals to show", "显示的小数位数"),
    "UNIT_MEASURE": ("Unit of measure", "计量单位"),
    "UNITS_EXPECTED": ("Units expected to report", "应报单位数"),
    "UNITS_COUNTED": ("Units that count in the value", "计入单位数"),
    "IS_SYNTHETIC": ("Whether the data is synthetic", "是否合成数据"),
}
#: Columns of an observation: its keys, and what the policy may keep from the public.
_KEYS = ("task_code", "indicator_code")
_OBSERVED = ("value", "observation_status", "units_expected", "units_counted")
_HEADER = (
    "STRUCTURE",
    "STRUCTURE_ID",
    "ACTION",
    "FREQ",
    "REF_AREA",
    "TASK",
    "INDICATOR",
    "TIME_PERIOD",
    "OBS_VALUE",
    "OBS_STATUS",
    "DECIMALS",
    "UNIT_MEASURE",
    "UNITS_EXPECTED",
    "UNITS_COUNTED",
    "IS_SYNTHETIC",
)


def sdmx_files(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, bytes]:
    """Return ``metadata/structure.xml`` and ``metadata/data.csv``.

    Args:
        con: a reader pinned at the edition's snapshot, with the lake attached as ``lake``.
    """
    [(is_synthetic, counts_until)] = con.execute(
        "select is_synthetic, counts_until from lake.marts.dim_reporting_year where year = ?",
        [year],
    ).fetchall()
    return {
        "metadata/structure.xml": _structure_xml(counts_until.replace(tzinfo=UTC)),
        "metadata/data.csv": _data_csv(con, year, is_synthetic=is_synthetic),
    }


@cache
def _units() -> dict[str, tuple[str, str]]:
    """Unit of measure of the catalogue → its code and its English name."""
    with _UNITS.open(encoding="utf-8", newline="") as file:
        return {row["unit"]: (row["code"], row["name_en"]) for row in csv.DictReader(file)}


# -- structure ----------------------------------------------------------------------------------


def _both(english: str, chinese: str) -> str:
    return f"{english}{_LANGUAGES}{chinese}"


def _codelist(id_: str, name: str, codes: Iterable[tuple[str, str]]) -> Codelist:
    from pysdmx.model import Code, Codelist

    items = [Code(id=code, name=text) for code, text in codes]
    return Codelist(id=id_, name=name, agency=AGENCY, version=VERSION, items=items)


def _codelists() -> dict[str, Codelist]:
    """Concept → its code list."""
    catalogue = load_catalogue()
    areas = [(_NATION, _both("China", "全国"))]
    areas += [(r.code, _both(r.name_en, r.name)) for r in catalogue.regions.values()]
    tasks = [(_TOTAL, _both("All tasks", "全部任务"))]
    tasks += [(t.code, _both(t.name_en, t.name)) for t in catalogue.tasks.values()]
    indicators = [(i.code, _both(i.name_en, i.name_zh)) for i in catalogue.indicators.values()]
    units = [(code, _both(english, unit)) for unit, (code, english) in _units().items()]
    statuses = [(code, _both(*names)) for code, names in _STATUSES.items()]
    annual = [("A", _both("Annual", "年度"))]
    return {
        concept: _codelist(f"CL_{concept}", _both(*_CONCEPTS[concept]), codes)
        for concept, codes in (
            ("FREQ", annual),
            ("REF_AREA", areas),
            ("TASK", tasks),
            ("INDICATOR", indicators),
            ("OBS_STATUS", statuses),
            ("UNIT_MEASURE", units),
        )
    }


def _concept_scheme(codelists: dict[str, Codelist]) -> ConceptScheme:
    from pysdmx.model import Concept, ConceptScheme

    return ConceptScheme(
        id="CS_KEY_TASKS",
        name=_both("Concepts of the key tasks", "重点任务的概念"),
        agency=AGENCY,
        version=VERSION,
        items=[
            Concept(id=name, name=_both(*words), codes=codelists.get(name))
            for name, words in _CONCEPTS.items()
        ],
    )


def _components(scheme: ConceptScheme, codelists: dict[str, Codelist]) -> Iterator[Component]:
    from pysdmx.model import Component, DataType, ItemReference, Role

    kinds = {
        "TIME_PERIOD": DataType.PERIOD,
        "OBS_VALUE": DataType.DECIMAL,
        "DECIMALS": DataType.INTEGER,
        "UNITS_EXPECTED": DataType.INTEGER,
        "UNITS_COUNTED": DataType.INTEGER,
        "IS_SYNTHETIC": DataType.BOOLEAN,
    }
    for name in _CONCEPTS:
        is_dimension = name in ("FREQ", "REF_AREA", "TASK", "INDICATOR", "TIME_PERIOD")
        is_measure = name == "OBS_VALUE"
        level = None if is_dimension or is_measure else "O"
        yield Component(
            id=name,
            required=is_dimension or name in ("OBS_STATUS", "UNIT_MEASURE"),
            role=Role.DIMENSION if is_dimension else Role.MEASURE if is_measure else Role.ATTRIBUTE,
            concept=ItemReference(
                sdmx_type="Concept",
                agency=AGENCY,
                id=scheme.id,
                version=VERSION,
                item_id=name,
            ),
            local_dtype=kinds.get(name, DataType.STRING),
            local_codes=codelists.get(name),
            attachment_level="INDICATOR" if name in ("DECIMALS", "UNIT_MEASURE") else level,
        )


def _data_structure(
    scheme: ConceptScheme, codelists: dict[str, Codelist]
) -> DataStructureDefinition:
    from pysdmx.model import Components, DataStructureDefinition

    return DataStructureDefinition(
        id=DATAFLOW,
        name=_both("Indicators of the key tasks", "重点任务指标"),
        agency=AGENCY,
        version=VERSION,
        components=Components(list(_components(scheme, codelists))),
    )


def _structure_xml(prepared: datetime) -> bytes:
    """Return the structure message.

    Args:
        prepared: the time in its header, with time zone.
    """
    from pysdmx.io.xml.sdmx30.writer.structure import write
    from pysdmx.model import Agency, AgencyScheme, Dataflow, Organisation
    from pysdmx.model.message import Header

    codelists = _codelists()
    scheme = _concept_scheme(codelists)
    structure = _data_structure(scheme, codelists)
    flow = Dataflow(
        id=DATAFLOW,
        name=_both("Indicators of the key tasks by province", "各省重点任务指标"),
        agency=AGENCY,
        version=VERSION,
        structure=structure,
    )
    agencies = AgencyScheme(
        id="AGENCIES",
        name=_both("Agencies", "维护机构"),
        agency="SDMX",
        version="1.0",
        items=[Agency(id=AGENCY, name=_both(ORGAN_EN, ORGAN))],
    )
    header = Header(id=f"{DATAFLOW}_STRUCTURE", prepared=prepared, sender=Organisation(id=AGENCY))
    text = write([agencies, *codelists.values(), scheme, structure, flow], header=header)
    return _with_both_languages(str(text))


def _with_both_languages(text: str) -> bytes:
    """Give each name an element in English and one in Chinese."""
    events: Any = ET.iterparse(io.StringIO(text), events=["start-ns"])  # noqa: S314
    for _, (prefix, address) in events:
        ET.register_namespace(prefix, address)
    root = ET.fromstring(text)  # noqa: S314
    for parent in root.iter():
        for at, element in reversed(list(enumerate(parent))):
            english, separator, chinese = (element.text or "").partition(_LANGUAGES)
            if separator:
                element.text = english
                second = ET.Element(element.tag, {_XML_LANG: "zh"})
                second.text, second.tail = chinese, element.tail
                parent.insert(at + 1, second)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


# -- data ---------------------------------------------------------------------------------------


def _data_csv(con: duckdb.DuckDBPyConnection, year: int, *, is_synthetic: bool) -> bytes:
    """Return the observations of the nation and the provinces, in the order of their keys."""
    nation, provinces = (
        ", ".join((*_KEYS, *(_public_or_null(table, column) for column in _OBSERVED)))
        for table in ("agg_national_indicator", "agg_province_indicator")
    )
    rows = rows_as_dicts(
        con.execute(
            f"select '{_NATION}' as area, {nation} from lake.marts.agg_national_indicator "
            f"where year = $year union all select province_code, {provinces} "
            "from lake.marts.agg_province_indicator where year = $year order by all",
            {"year": year},
        )
    )
    body = io.StringIO()
    writer = csv.writer(body, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in rows:
        writer.writerow(_observation(row, year, is_synthetic=is_synthetic))
    return body.getvalue().encode()


def _public_or_null(table: str, column: str) -> str:
    """A column of the lake in SQL; what is not public is null, which SDMX writes as empty."""
    is_public = load_catalogue().is_public(table, column)
    return column if is_public else f"null as {column}"


def _observation(row: dict[str, Any], year: int, *, is_synthetic: bool) -> tuple[Any, ...]:
    indicator: Indicator = load_catalogue().indicators[row["indicator_code"]]
    value: Decimal | None = row["value"]
    return (
        "dataflow",
        f"{AGENCY}:{DATAFLOW}({VERSION})",
        "I",
        "A",
        row["area"],
        _TOTAL if row["task_code"] == "ALL" else row["task_code"],
        indicator.code,
        year,
        "" if value is None else f"{value:f}",
        row["observation_status"],
        2 if has_decimals(None, indicator) else 0,
        _units()[indicator.unit][0],
        row["units_expected"],
        row["units_counted"],
        str(is_synthetic).lower(),
    )
