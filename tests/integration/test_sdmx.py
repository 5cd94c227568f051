"""SDMX of an edition: valid structure in two languages, and exact data that fit it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import pytest
from pysdmx.io import get_datasets, read_sdmx
from pysdmx.model import Role

from orchestration import lakehouse, stages
from orchestration.bulletin.sdmx import sdmx_files
from orchestration.core.catalogue import load_catalogue
from tests.fixtures.homes import YEAR, PreparedYear, Shared

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_COMMON = "{http://www.sdmx.org/resources/sdmxml/schemas/v3_0/common}"


@dataclass
class Made:
    """The files, on disk, and the lake that they were made from."""

    structure: Path
    data: Path
    files: dict[str, bytes]
    con: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def made(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("sdmx")
    settings = shared.copy(prepared.transformed, folder / "home")
    with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
        files = sdmx_files(con, YEAR)
        for path, body in files.items():
            (folder / Path(path).name).write_bytes(body)
        yield Made(folder / "structure.xml", folder / "data.csv", files, con)


def test_the_structure_is_valid_and_complete(made: Made) -> None:
    """Valid by the XML schemas of SDMX 3.0, which the reader checks."""
    message = read_sdmx(made.structure, validate=True)
    structure = message.get_data_structure_definition("DataStructure=MOE_CN:KEY_TASKS(1.0.0)")
    roles = {component.id: component.role for component in structure.components}
    dimensions = {name for name, role in roles.items() if role is Role.DIMENSION}
    assert dimensions == {"FREQ", "REF_AREA", "TASK", "INDICATOR", "TIME_PERIOD"}
    assert {"OBS_STATUS", "DECIMALS", "UNIT_MEASURE"} <= set(roles) - dimensions
    catalogue = load_catalogue()
    indicators = message.get_codelist("Codelist=MOE_CN:CL_INDICATOR(1.0.0)")
    assert {code.id for code in indicators.items} == set(catalogue.indicators)
    areas = message.get_codelist("Codelist=MOE_CN:CL_REF_AREA(1.0.0)")
    assert {code.id for code in areas.items} == {"CN", *catalogue.regions}
    assert message.get_dataflow("Dataflow=MOE_CN:KEY_TASKS(1.0.0)")


def test_names_are_chinese_and_english(made: Made) -> None:
    root = ET.fromstring(made.files["metadata/structure.xml"])  # noqa: S314
    named = [e for e in root.iter() if e.find(f"{_COMMON}Name") is not None]
    assert len(named) > 200
    for element in named:
        names = {name.get(_LANG): name.text for name in element.findall(f"{_COMMON}Name")}
        assert set(names) == {"en", "zh"}
        assert names["en"]
        assert names["zh"]
        assert not any("‖" in str(text) for text in names.values())


def test_the_data_fit_the_structure(made: Made) -> None:
    [dataset] = get_datasets(made.data, made.structure)
    rows = dataset.data
    message = read_sdmx(made.structure, validate=False)
    for column, name in (
        ("REF_AREA", "CL_REF_AREA"),
        ("TASK", "CL_TASK"),
        ("INDICATOR", "CL_INDICATOR"),
        ("OBS_STATUS", "CL_OBS_STATUS"),
        ("UNIT_MEASURE", "CL_UNIT_MEASURE"),
        ("FREQ", "CL_FREQ"),
    ):
        codes = message.get_codelist(f"Codelist=MOE_CN:{name}(1.0.0)")
        assert set(rows[column].unique()) <= {code.id for code in codes.items}, column
    assert not rows.duplicated(["FREQ", "REF_AREA", "TASK", "INDICATOR", "TIME_PERIOD"]).any()


def test_the_values_are_those_of_the_lake_to_the_last_digit(made: Made) -> None:
    with made.data.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {
        (row["REF_AREA"], row["TASK"], row["INDICATOR"]): (
            Decimal(row["OBS_VALUE"]) if row["OBS_VALUE"] else None,
            row["OBS_STATUS"],
        )
        for row in rows
    }
    expected = {
        tuple(key): tuple(rest)
        for *key, value, status in made.con.execute(
            "select 'CN', if(task_code = 'ALL', '_T', task_code), indicator_code, value, "
            f"observation_status from lake.marts.agg_national_indicator where year = {YEAR} "
            "union all select province_code, if(task_code = 'ALL', '_T', task_code), "
            "indicator_code, value, observation_status "
            f"from lake.marts.agg_province_indicator where year = {YEAR}"
        ).fetchall()
        for rest in [(value, status)]
    }
    assert found == expected
    assert all((value is None) == (status == "M") for value, status in found.values())
    assert {row["IS_SYNTHETIC"] for row in rows} == {"true"}
    decimals = {row["INDICATOR"]: row["DECIMALS"] for row in rows}
    assert (decimals["C_04"], decimals["T05_01"]) == ("2", "0")


def test_the_same_lake_gives_the_same_bytes(made: Made) -> None:
    assert sdmx_files(made.con, YEAR) == made.files
