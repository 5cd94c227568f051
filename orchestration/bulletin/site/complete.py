"""Completes the pages of an edition once all of its files are known.

Belongs here: adding the navigation (also to bulletins and the quality report), the web font and
the list of downloads. Doesn't belong here: the content of pages (``pages``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from orchestration.bulletin.carry_over import CarryOver
from orchestration.bulletin.site.templates import asset, fill
from orchestration.core.catalogue import load_catalogue
from orchestration.figures.dictionary import mart_descriptions

__all__ = ["complete"]

_DOWNLOADS = "downloads/index.html"
#: Thousands of small files, which the manifest lists: the page would be larger than 1 MB.
_NOT_LISTED = "api/figures/"
#: Placeholder for the list of files in the downloads page, which can't list itself.
_LIST_PLACEHOLDER = b"<!-- files -->"
#: Script and styles of the tables of every page. Without them a page that is sent alone has plain
#: tables.
_TABLE_SCRIPT, _TABLE_STYLE = "assets/tables.js", "assets/tables.css"
#: A longer list of files is folded: its page would be dozens of screens long.
_MOST_LINES = 200
_BODY = re.compile(r"<body[^>]*>")
_NAVIGATION = (
    ("index.html", "首页"),
    ("national/bulletin.html", "全国通报"),
    ("index.html#tasks", "重点任务"),
    ("provinces/index.html", "省份比较"),
    ("units/index.html", "单位查询"),
    ("experience/index.html", "典型经验"),
    ("uses/marked_results.html", "考核激励"),
    ("methods/index.html", "指标和方法"),
    ("quality/index.html", "数据质量"),
    ("downloads/index.html", "下载"),
    ("editions/index.html", "历次版本"),
)
_SECTION_OF_FOLDER = {
    "docs": "methods/index.html",
    "metadata": "quality/index.html",
    "tasks": "index.html#tasks",
    "uses": "uses/marked_results.html",
    "trace": "trace/scorecard.html",
}
#: Names of files that are neither in the navigation nor about a place, task, indicator or use.
_FILE_NAMES = {
    "assets/font": "网页字体",
    "assets/tables": "表格的排序和下载",
    "changes": "更正说明",
    "CITATION": "引用格式",
    "docs/index": "数据手册",
    "data/datapackage": "开放数据包说明（Frictionless）",
    "data/dictionary": "数据字典",
    "data/series": "各年度指标数列",
    "metadata/load": "DuckDB建库脚本",
    "metadata/data": "指标数据（SDMX-CSV）",
    "metadata/quality": "质量说明",
    "metadata/structure": "指标数据结构（SDMX 3.0）",
    "metadata/dcat": "数据目录说明（DCAT、schema.org）",
    "national/correction": "更正通报",
    "national/tables": "数据表",
    "provinces/matrix": "省份和重点任务矩阵",
    "quality/failing_rows": "不符合项明细",
    "trace/scorecard": "考核激励参考指标的出处",
    "units/data": "单位查询所用数据",
    "uses/watchlist": "动态管理关注名单",
}
#: Parts of a path → kind of a file about a place, task or indicator.
_FILE_KINDS = {
    "sources": "来源文件摘要（接口）",
    "tables": "数据表（接口）",
    "reporting": "报送情况",
    "summaries": "总结（草稿）",
    "watchlist": "动态管理关注名单",
}
_FILE_FORMATS = {
    "pdf": "PDF（打印）",
    "html": "网页",
    "docx": "Word文档",
    "xlsx": "Excel工作簿",
    "css": "网页样式",
    "csv": "CSV数据",
    "parquet": "Parquet数据",
    "json": "JSON说明",
    "jsonld": "JSON-LD说明",
    "cff": "CFF引用文件",
    "xml": "XML",
    "js": "网页脚本",
    "sql": "SQL脚本",
    "woff": "字体",
}


def complete(files: Mapping[str, bytes], carry_over: CarryOver | None = None) -> dict[str, bytes]:
    """Return an edition's files, with navigation and font in the pages and a list of downloads.

    Args:
        files: path → bytes of all files of the edition except the manifest. Without an entry page
            (``index.html``) they are no site, and the pages only get the font.
        carry_over: files of the former edition; carried pages have navigation and font already.
    """
    from orchestration.bulletin.render import with_font

    if "index.html" not in files:
        return with_font(files, carry_over)
    carry_over = carry_over or CarryOver()
    files = {**files, **{path: asset(path) for path in (_TABLE_SCRIPT, _TABLE_STYLE)}}
    paths = {*files, "manifest.json"}
    pages = {
        path: _with_header(path, body.decode(), paths).encode()
        for path, body in files.items()
        if path.endswith(".html") and path not in carry_over.carried
    }
    # The list of files has digests of pages that refer to the font, so it is made after the font.
    # A list without digests gives the font its characters.
    completed = with_font(
        {**files, **pages}, carry_over, also=_file_list(files, dict.fromkeys(files, ""))
    )
    listed = {path: body for path, body in completed.items() if path != _DOWNLOADS}
    known = carry_over.sums
    sums = {path: known.get(path) or _sha256(body) for path, body in listed.items()}
    return {
        **completed,
        _DOWNLOADS: completed[_DOWNLOADS].replace(_LIST_PLACEHOLDER, _file_list(listed, sums)),
    }


def _with_header(path: str, page: str, paths: Iterable[str]) -> str:
    """Return a page with the navigation in its head and at the start of its body."""
    section = _section_of(path)
    header = fill(
        "header.html.j2",
        path,
        sections=[
            (href, name, "page" if href == path else "true" if href == section else "")
            for href, name in _NAVIGATION
            if href.split("#")[0] in paths
        ],
        breadcrumbs=_breadcrumbs(path),
        has_main='id="main"' in page,
        script=_TABLE_SCRIPT,
        style=_TABLE_STYLE,
    )
    head, body = header.split("<!-- body -->")
    page = page.replace("</head>", f"{head.strip()}\n</head>", 1)
    return _BODY.sub(lambda found: f"{found.group()}\n{body.strip()}", page, count=1)


def _section_of(path: str) -> str:
    """Return the address of the navigation's entry that a page belongs to."""
    folder = path.split("/")[0]
    if folder == path:
        return "editions/index.html" if path == "changes.html" else "index.html"
    if folder == "national":
        return "national/bulletin.html"
    return _SECTION_OF_FOLDER.get(folder, f"{folder}/index.html")


def _breadcrumbs(path: str) -> list[tuple[str, str]]:
    """Return (address, name) of each page on the way to a page, the page itself last."""
    if path == "index.html":
        return []
    section = _section_of(path)
    steps = [("index.html", "首页")]
    names = {**dict(_NAVIGATION), "trace/scorecard.html": "数字出处"}
    if section in names and section not in ("index.html", path):
        steps.append((section, names[section]))
    return [*steps, (path, _file_name(path))]


def _file_name(path: str) -> str:
    """Return the Chinese name of a file."""
    catalogue, tables = load_catalogue(), mart_descriptions()
    stem = PurePosixPath(path).with_suffix("")
    uses = {f"uses/{use.code}": use.name for use in catalogue.uses}
    sections = {href.removesuffix(".html"): name for href, name in _NAVIGATION}
    if name := (sections | uses | _FILE_NAMES).get(str(stem)):
        return name
    if stem.name in tables:
        return re.split("——|。", tables[stem.name].description_zh.removeprefix("粒度："))[0]
    places = {code: region.name for code, region in catalogue.regions.items()}
    tasks = {"ALL": "全部任务"} | {code: task.name for code, task in catalogue.tasks.items()}
    indicators = {code: indicator.name_zh for code, indicator in catalogue.indicators.items()}
    known = (places | tasks | indicators, _FILE_KINDS)
    found = [words[part] for words in known for part in stem.parts if part in words]
    if stem.parts[0] == "trace" and stem.name in places:
        found.append("应报单位")
    return "·".join(found) or stem.name


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _file_list(files: Mapping[str, bytes], sums: Mapping[str, str]) -> bytes:
    """Return the list of files as HTML, grouped by kind."""
    groups: dict[str, list[tuple[str, str, str, str, str]]] = {
        "全国通报和数据": [],
        "重点任务通报": [],
        "省份通报": [],
        "数据质量报告": [],
        "数字出处网页": [],
        "本站其他网页和文件": [],
    }
    folders = ("national", "tasks", "provinces", "quality", "trace")
    titles = dict(zip(folders, groups, strict=False))
    for path, body in sorted(files.items()):
        if path.startswith(_NOT_LISTED):
            continue
        title = titles.get(path.split("/")[0], "本站其他网页和文件")
        suffix = path.rsplit(".", 1)[-1]
        groups[title].append(
            (
                path,
                _file_name(path),
                _FILE_FORMATS.get(suffix, suffix.upper()),
                f"{(len(body) + 1023) // 1024:,d}",
                sums[path],
            )
        )
    shown = [(title, lines, len(lines) > _MOST_LINES) for title, lines in groups.items() if lines]
    return fill("files.html.j2", _DOWNLOADS, groups=shown).encode()
