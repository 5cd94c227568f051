"""Notes of every bulletin (an attachment of the national one): the gate, definitions, method."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from orchestration import lakehouse
from orchestration.bulletin.content import (
    Block,
    Claim,
    Column,
    Run,
    Table,
    heading,
    paragraph,
)
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import address, listed, moment
from orchestration.figures.claims import Evidence, counts, texts
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import NOT_YET, plain
from orchestration.figures.wording import UNIT_NAME, clean

IN = ("national", "task", "province")
ATTACHED_TO = ("national",)
ORDER = 90
#: Maximum of units named for a character that no font draws: they fill two lines.
_UNDRAWN_NAMED = 20
TITLE = "数据质量和计算说明"

#: Units whose name or printed highlight contains a character.
_UNITS_WITH_CHARACTER = (
    "select d.unit_code, d.unit_name, y.highlight from lake.marts.dim_unit d "
    "left join lake.marts.fct_unit_year y "
    "on y.year = d.year and y.unit_code = d.unit_code and y.assessment_grade = 'excellent' "
    "where d.year = $year "
    "and contains(concat(d.unit_name, nfc_normalize(d.unit_name), y.highlight), $c) "
    "order by d.unit_code"
)
#: Each province, whether it has confirmed the figures of all tasks, and those of each task.
_PROVINCES = (
    "with scoped as (select unnest(['national', task_code]) as scope, province_code, state "
    "from lake.quality.confirmations where year = $year), "
    "province as (select scope, province_code, bool_and(state = 'confirmed') as is_confirmed "
    "from scoped group by scope, province_code) "
    "select scope, {wanted} from province join lake.marts.dim_region using (province_code) "
    "group by scope"
)


def _gate_text(evidence: Evidence, scope: str) -> str | None:
    failed = [row for row in evidence.gate if not row["success"]]
    waived = [row for row in failed if row["severity"] == "critical" and row["waived_by"]]
    warned = [row for row in failed if row["severity"] == "warning" and not row["waived_by"]]
    return {
        "checks": str(len(evidence.gate)),
        "warned": str(len(warned)),
        "waived": str(len(waived)),
        "critical": "没有全部通过" if lakehouse.blocks(evidence.gate) else "全部通过",
    }.get(scope)


def _finding_text(evidence: Evidence, scope: str) -> str | None:
    return evidence.findings.get(scope)


def _undrawn_units(evidence: Evidence, scope: str) -> str:
    """List the units whose printed texts contain a character that no font can draw."""
    character = chr(int(scope, 16))
    if evidence.drawable(character) == character:
        return ""
    rows = evidence.con.execute(
        _UNITS_WITH_CHARACTER, {"year": evidence.year, "c": character}
    ).fetchall()
    return listed(
        [
            code
            for code, name, highlight in rows
            if character in clean(name, UNIT_NAME) or character in (highlight or "")
        ],
        _UNDRAWN_NAMED,
    )


CLAIMS = {
    "gate": _gate_text,
    "finding": _finding_text,
    "remarks": counts(
        "select count(*) from lake.quality.submission_errors "
        "where year = $year and severity = 'warning' and unit_code is not null"
    ),
    "remarks_explained": counts(
        "select count(*) from lake.quality.submission_errors "
        "where year = $year and severity = 'warning' and unit_code is not null "
        "and explained_by is not null"
    ),
    # Units of which a document was returned and did not come back; "national", task or province.
    "returned": counts(
        "select scope, count(distinct unit_code) from (select unit_code, "
        "unnest(['national', task_code, province_code]) as scope "
        "from lake.quality.returned_documents where year = $year and state = 'pending') "
        "group by scope"
    ),
    # Provinces that have confirmed all their figures, or those of a task; "national" or task.
    "confirmed": counts(
        _PROVINCES.format(wanted="count(*) filter (where is_confirmed)"),
        "select 'national' union all select task_code from lake.marts.dim_task",
    ),
    "unconfirmed": counts(_PROVINCES.format(wanted="count(*) filter (where not is_confirmed)")),
    "unconfirmed_names": texts(
        _PROVINCES.format(
            wanted="string_agg(short_name, '、' order by display_order) "
            "filter (where not is_confirmed)"
        )
    ),
    # What a province has not confirmed: its tasks.
    "unconfirmed_tasks": texts(
        "select province_code, string_agg(task_code, '、' order by task_code) "
        "from lake.quality.confirmations where year = $year and state <> 'confirmed' "
        "group by province_code"
    ),
    "undrawn": _undrawn_units,
}


def _if_any(before: str, number: int, claim: str, after: str) -> tuple[Run, ...]:
    """Return a claim with the text around it, or nothing if the number is zero."""
    return (before, Claim(claim, str(number)), after) if number else ()


def _findings(paragraphs: Mapping[str, str]) -> list[Block]:
    return [
        paragraph(f"{number}.", Claim(f"finding/{check}", text))
        for number, (check, text) in enumerate(paragraphs.items(), 1)
    ]


def _returned(marts: Marts, place: Place) -> list[Block]:
    """Return a note on returned documents that did not come back, if there are any."""
    number = sum(
        place.kind == "national" or place.code in (unit["task_code"], unit["province_code"])
        for unit in marts.returned
    )
    if not number:
        return []
    scope = "national" if place.kind == "national" else place.code
    return [
        paragraph(
            "退回修改：至截止时间，有",
            Claim(f"returned/{scope}", f"{number:,}"),
            "个单位的文档被退回修改后未重新报送。被退回的文档不计入；此前另有未被退回的文档的，以该文档"
            "为准，没有的按未报送列。",
        )
    ]


def _confirmed(marts: Marts, place: Place) -> list[Block]:
    """Return a note on which figures the provinces have confirmed by signature."""
    if place.kind == "province":
        tasks = [
            each["task_code"]
            for each in marts.confirmations
            if each["province_code"] == place.code and each["state"] != "confirmed"
        ]
        if not tasks:
            return [paragraph(f"签字确认：{address(place.name)}数据已由省级教育行政部门签字确认。")]
        return [
            paragraph(
                "签字确认：以下任务的数据未经省级教育行政部门签字确认，或者确认后有变动：",
                Claim(f"unconfirmed_tasks/{place.code}", "、".join(tasks)),
                "。",
            )
        ]
    scope = place.code or "national"
    unconfirmed = {
        each["province_code"]
        for each in marts.confirmations
        if each["state"] != "confirmed" and place.code in ("", each["task_code"])
    }
    concerned = {
        each["province_code"]
        for each in marts.confirmations
        if place.code in ("", each["task_code"])
    }
    names = [region.short_name for region in marts.regions if region.code in unconfirmed]
    whole = Claim(f"confirmed/{scope}", str(len(concerned - unconfirmed)))
    if not names:
        return [paragraph("签字确认：", whole, "个省份的数据均经省级教育行政部门签字确认。")]
    number = Claim(f"unconfirmed/{scope}", str(len(names)))
    listed_names: list[Run] = ["：", Claim(f"unconfirmed_names/{scope}", "、".join(names))]
    found: list[Run] = [
        "签字确认：数据经省级教育行政部门签字确认的省份",
        whole,
        "个，未确认或者确认后数据有变动的",
        number,
        "个",
    ]
    if unconfirmed == concerned:
        found = [
            "签字确认：",
            Claim(whole.claim, NOT_YET),
            "经省级教育行政部门签字确认、其后没有变动的数据，涉及省份",
            number,
            "个",
        ]
    found += listed_names if len(names) < len(marts.regions) else []
    return [paragraph(*found, "。")]


def _definitions(marts: Marts) -> Table:
    """Return the definitions of the terms that are easily confused."""
    rules = marts.catalogue.comparison_rules
    least, part = rules["least_matched_units"].threshold, rules["least_matched_share"].threshold
    years = "、".join(
        str(year) for year in sorted({t.target_year for t in marts.catalogue.targets})
    )
    rows = (
        (
            "目标完成率",
            "建设方案设定的年度目标中已完成的项数占比：完成目标数÷设定目标数。没有采用值的目标未计为完成，"
            "与有采用值而未完成的目标分别列出。",
        ),
        (
            "目标完成度",
            "某项指标达到目标值的程度：有目标单位的值÷其目标值。只计同时有采用值和目标值的单位，"
            "家数列于“有目标单位”，与“计入单位”不同。",
        ),
        ("完成进度", f"建设数量对照{years}年国家目标的进度：已达数量÷目标数量。"),
        (
            "序时进度",
            f"自{project_var('first_reporting_year')}年起已过的报告年度占至目标年度全部年度的比重，"
            "与完成进度对照。",
        ),
        (
            "同口径增减",
            "两年均计入的单位的本年数÷其上年数－1，单位为%的指标以百分点表示；同口径单位不足"
            f"{plain(least)}个或不足计入单位的{plain(100 * part)}%的，以及最大值、去重计数和"
            "重复计算的合计，不列增减。",
        ),
    )
    columns = (Column("名称", 4, "left"), Column("含义和计算", 20, "left"))
    return Table("名词解释", columns, rows)


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the gate's results (national bulletin only), then the method.

    Warnings are counted here and explained on the quality page; a failed check that was waived is
    printed in full.
    """
    found: list[Block] = []
    if place.kind == "national":
        found.append(heading("数据质量"))
        found.append(
            paragraph(
                "本通报发布前，对填报数据、省级汇总和全国汇总逐项进行质量检查，共",
                Claim("gate/checks", str(marts.gate.checks)),
                "项，关键项",
                *_if_any("除", marts.gate.waived_critical, "gate/waived", "项经签批豁免外"),
                Claim("gate/critical", "全部通过"),
                "，",
                *(
                    _if_any(
                        "",
                        len(marts.gate.warnings),
                        "gate/warned",
                        "项有提示，逐项内容和涉及的单位见数据质量报告。",
                    )
                    or ("没有提示事项。",)
                ),
            )
        )
        if marts.gate.waived:
            found.append(paragraph("以下项目不符合要求，经签批予以豁免："))
            found += _findings(marts.gate.waived)
        warned, explained = marts.remarks
        if warned:
            found.append(
                paragraph(
                    "各单位填报数据共",
                    Claim("remarks", f"{warned:,}"),
                    "项提示，",
                    *(
                        ("其中", Claim("remarks_explained", f"{explained:,}"), "项已由单位说明")
                        if explained
                        else (Claim("remarks_explained", NOT_YET), "单位作出说明的")
                    ),
                    "；提示不影响数据的采用。",
                )
            )
        found += [
            paragraph(
                f"字库没有的字（U+{ord(character):04X}）以〓代替，涉及单位：",
                Claim(f"undrawn/{ord(character):04X}", listed(units, _UNDRAWN_NAMED)),
                "。",
            )
            for character, units in marts.undrawn.items()
        ]
    found += _returned(marts, place)
    found += _confirmed(marts, place)
    if place.kind == "national":
        found.append(heading("计算说明"))
    found.append(_definitions(marts))
    cutoff = moment(marts.period.cutoff_at)
    until = moment(marts.calendar["counts_until"].replace(tzinfo=UTC))
    rows = (
        f"采用范围：各类文档以{cutoff}（北京时间，不含）前最后一次报送的为准，逾期报送的不计入本通报。"
        if until == cutoff
        else f"采用范围：本版为更正版，各类文档以{until}（北京时间，不含）前最后一次报送的为准"
        f"（评审意见以{cutoff}前的为准）；是否按时仍以{cutoff}为准。",
        "应报单位：截止时间前经省级推荐且未退出的建设单位；级别以国家认定为准，未获国家认定的以登记级别为准，"
        "每个单位只按最高级别计一次。",
        "未填报不作零值处理。无法识别、应为整数而非整数、超出允许范围或者违反阻断性规则的填报值一律剔除，"
        "同一文档中其余填报值照常采用。",
        "比率由合计数相除得出（分子之和除以分母之和），不是各单位比率的平均；只计分子、分母均有采用值的单位。"
        "“计入单位”为进入该数的单位数，少于应报单位的差额即为未填报或者被剔除。",
        *(
            (
                "“存在的主要问题”点名的省份，其比率超出所列标准，且按建设单位数衡量不属偶然波动"
                "（置信水平95%）。",
            )
            if place.kind != "task"
            else ()
        ),
        "“—”表示没有可采用的数据，或者不宜列出的增减。",
        f"金额单位为{marts.catalogue.money_unit}。数据仓库保留六位小数，通报中四舍五入，各省份合计与全国数完全一致。",
        "指标目录和校验规则为本系统依据公开文件拟定，在主管部门正式发布指标目录之前使用。",
    )
    found += [paragraph(f"{number}.{text}") for number, text in enumerate(rows, 1)]
    return found
