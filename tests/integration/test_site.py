"""The site of an edition: valid markup, no contact data, hostile names, behaviour in a browser."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files as files_of
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from orchestration import bulletin, lakehouse, stages
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.site import EditionNote, complete, site_pages, year_index
from orchestration.bulletin.site.templates import json_for_script
from orchestration.core.catalogue import load_catalogue
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.figures.numbers import percent
from tests.fixtures.homes import PreparedYear, Shared
from tests.fixtures.progress import no_progress
from tests.needs import CHROMIUM

YEAR = 2024
HOSTILE = "</script><script>alert(1)</script>"
FORMULA = "=cmd|'/C calc'!A0"
_VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
#: Tag → open tags that it closes; HTML allows leaving out their end tags (13.1.2.4, "Optional
#: tags").
_CELLS = {"td", "th"}
_CLOSED_BY = {
    "td": _CELLS,
    "th": _CELLS,
    "tr": {*_CELLS, "tr"},
    "tbody": {*_CELLS, "tr", "thead", "tbody"},
    "tfoot": {*_CELLS, "tr", "thead", "tbody"},
}
#: Tags that the end of their parent closes.
_OPTIONAL = {*_CELLS, "tr", "thead", "tbody", "tfoot", "li"}
#: SVG elements without content.
_SVG_EMPTY = {"circle", "line", "path", "rect"}


@dataclass
class Site:
    """The files of a published edition and the marts behind them."""

    settings: Settings
    folder: Path
    files: dict[str, bytes]
    marts: Marts
    contacts: set[str]

    def pages(self) -> dict[str, str]:
        """Every page."""
        return {path: body.decode() for path, body in self.files.items() if path.endswith(".html")}


@pytest.fixture(scope="module")
def site(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    settings = shared.copy(prepared.published, tmp_path_factory.mktemp("site") / "home")
    with stages.open_workspace(settings) as ws:
        done = stages.publish(ws, YEAR, run_id="r", progress=no_progress)
        with lakehouse.reader(settings, ws.store, done.snapshot_id) as con:
            marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(1, {}))
        landed = ws.store.get_many("landing", ws.store.list("landing", "registration/"))
        contacts = set()
        for fetched in landed:
            text = fetched.body.decode("utf-8", "replace")
            contacts |= set(re.findall(r'"(?:phone|email)": ?"([^"]{6,})"', text))
        folder = Path(done.folder)
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        yield Site(settings, folder, files, marts, contacts)


@dataclass
class Page(HTMLParser):
    """The structure of a page; ``faults`` lists violations of accessibility rules."""

    faults: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    inputs: list[dict[str, str | None]] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    landmarks: Counter[str] = field(default_factory=Counter)
    language: str | None = None
    drawing: str | None = None
    open: list[str] = field(default_factory=list)
    seen: list[set[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if len(found) < len(attrs):
            self.faults.append(f"{tag}: an attribute twice")
        if "id" in found:
            self.ids.append(found["id"] or "")
        if found.get("data-figure"):
            self.figures.append(found["data-figure"] or "")
        if tag == "a" and "href" in found:
            self.links.append(found["href"] or "")
        if tag == "html":
            self.language = found.get("lang")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag in {"main", "header", "footer"}:
            self.landmarks[tag] += 1
        if tag == "label":
            self.labels.add(found.get("for") or "")
        if tag in {"input", "select", "textarea"}:
            wrapped = "label" in self.open
            self.inputs.append({**found, "wrapped": "yes" if wrapped else ""})
        if tag == "th" and not found.get("scope"):
            self.faults.append("th without scope")
        if tag == "img" and not found.get("alt"):
            self.faults.append("img without alt")
        if tag == "svg":
            self.drawing = found.get("role")
        if tag == "a" and "svg" in self.open and self.drawing == "img":
            self.faults.append("a link within an image")
        while self.open and self.open[-1] in _CLOSED_BY.get(tag, ()):
            self._close()
        for inside in self.seen:
            inside.add(tag)
        if tag not in _VOID and not (tag in _SVG_EMPTY and "svg" in self.open):
            self.open.append(tag)
            self.seen.append(set())

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in _SVG_EMPTY:
            self.faults.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in _OPTIONAL:
            self._close()
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
            return
        self._close()

    def _close(self) -> None:
        tag = self.open.pop()
        inside = self.seen.pop()
        if tag == "table" and "caption" not in inside:
            self.faults.append("table without caption")
        if tag == "svg" and "title" not in inside:
            self.faults.append("svg without a name")


def _parse_page(page: str) -> Page:
    found = Page()
    found.feed(page)
    found.close()
    found.faults += [f"{tag} stays open" for tag in found.open]
    for number, level in enumerate(found.headings[1:]):
        if level > found.headings[number] + 1:
            found.faults.append(f"h{level} after h{found.headings[number]}")
    for control in found.inputs:
        if not control["wrapped"] and control.get("id") not in found.labels:
            found.faults.append(f"{control.get('name')} without a label")
    return found


def _faults(page: str) -> list[str]:
    found = _parse_page(page)
    faults = list(found.faults)
    if found.headings.count(1) != 1:
        faults.append(f"{found.headings.count(1)} h1")
    faults += [f"id {i} twice" for i, times in Counter(found.ids).items() if times > 1]
    if found.language != "zh-CN":
        faults.append("no language")
    if found.landmarks["main"] != 1:
        faults.append("not one main")
    if '<a class="skip" href="#main">' not in page:
        faults.append("no way past the navigation")
    return faults


def test_every_page_is_valid(site: Site) -> None:
    faults = {path: _faults(page) for path, page in site.pages().items()}
    assert {path: found for path, found in faults.items() if found} == {}
    assert len(faults) > 44 + 32 + 12


def test_the_check_of_pages_finds_faults() -> None:
    bad = "<html><body><h1>a</h1><h3>b</h3><table><tr><th>x</th></tr></table><input name='q'>"
    bad += "<svg role='img'><title>c</title><a href='#c'>1</a></svg><p>"
    assert set(_faults(bad)) == {
        "h3 after h1", "th without scope", "table without caption", "q without a label",
        "a link within an image",
        "p stays open", "body stays open", "html stays open", "no language", "not one main",
        "no way past the navigation",
    }  # fmt: skip


def _target(path: str, href: str) -> str:
    """Return the target of a link as a path below the edition."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / href).parts:
        if part == "..":
            if not parts:
                return ".."
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def test_every_link_has_a_target_in_the_edition(site: Site) -> None:
    pages = {p: b.decode() for p, b in site.files.items() if p.endswith(".html")}
    read = {path: _parse_page(page) for path, page in pages.items()}
    dead = []
    for path, page in read.items():
        for href in page.links:
            file, _, part = href.partition("#")
            target = _target(path, file) if file else path
            if re.match(r"[a-z]+:", href) or target not in site.files:
                # The list of editions links to the folder above this edition.
                if not re.fullmatch(r"\.\./\.\./(edition-1/)?index\.html", href):
                    dead.append((path, href))
            elif part and target.endswith(".html") and part not in read[target].ids:
                dead.append((path, href))
    assert dead == []


def test_every_page_has_the_navigation_and_one_font_is_shared(site: Site) -> None:
    sections = ("首页", "全国通报", "省份比较", "单位查询", "典型经验", "数据质量", "下载")
    for path, body in site.files.items():
        if not path.endswith(".html"):
            continue
        page = body.decode()
        head = page[page.index('<header class="site-head">') :]
        assert [name for name in sections if f">{name}</a>" not in head] == [], path
        assert f'url("{"../" * path.count("/")}assets/font.woff")' in page
        assert "base64" not in page.replace("data-figure", "")
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), path
    assert site.files["assets/font.woff"][:4] == b"wOFF"


def test_no_page_grows_with_the_number_of_units_beyond_a_province(site: Site) -> None:
    """Names and documents of units are on pages of one province, however many units report."""
    codes = {
        path: set(re.findall(r"T\d\d-(\d{6})-\d{4}", page)) for path, page in site.pages().items()
    }
    several = {path.split("/")[0] for path, provinces in codes.items() if len(provinces) > 1}
    assert several <= {"experience", "national", "quality", "tasks", "trace"}
    named = {
        path for path in codes if re.fullmatch(r"(trace/T\d\d|uses/watchlist)/\d{6}\.html", path)
    }
    assert len(named) > 100
    assert [path for path in named if codes[path] != {path[-11:-5]}] == []


def test_no_page_holds_contact_data(site: Site) -> None:
    assert len(site.contacts) > 100
    for path, body in site.files.items():
        if path.endswith((".html", ".csv", ".json")):
            page = body.decode()
            assert [c for c in site.contacts if c in page] == [], path
            assert not re.search(r"(?<![\d.,/-])1[3-9]\d{9}(?!\d)", _words(page)), path


def _words(page: str) -> str:
    """Return the text of a page without digests."""
    return re.sub(r"\b[0-9a-f]{32,64}\b", "", page)


def test_figures_of_the_site_equal_the_bulletins(site: Site) -> None:
    pattern = re.compile(r'data-figure="([^"]+)"[^>]*>([^<]*)<')
    # One table of the bulletin has the per cent sign in its header and not in its cells.
    national, entry = (
        {key: text.rstrip("%") for key, text in pattern.findall(site.files[path].decode())}
        for path in ("national/bulletin.html", "index.html")
    )
    shared = set(entry) & set(national)
    assert len(shared) > 40
    assert {key: entry[key] for key in shared} == {key: national[key] for key in shared}
    compared = _parse_page(site.files["provinces/index.html"].decode()).figures
    columns = ["units_expected", *site.marts.catalogue.measures]
    missing = sum(
        row[column] is None for row in site.marts.rows("province_scorecard") for column in columns
    )
    assert len(compared) == len(set(compared)) == 33 * len(columns) - missing


def test_every_unit_is_in_the_search_and_in_its_province_list(site: Site) -> None:
    data = _search_data(site.files)
    searched = {u[0] for tasks in data["units"].values() for units in tasks.values() for u in units}
    listed = {
        code
        for region in site.marts.regions
        for code in _parse_page(site.files[f"units/{region.code}.html"].decode()).ids
        if re.fullmatch(r"T\d\d-\d{6}-\d+", code)
    }
    assert searched == listed == {unit["unit_code"] for unit in site.marts.units}
    reported = Counter(
        data["reports"][u[5]]
        for tasks in data["units"].values()
        for us in tasks.values()
        for u in us
    )
    nation = site.marts.nation
    assert reported["按时报送"] == nation["units_on_time"]
    assert reported["逾期报送"] == nation["units_reported"] - nation["units_on_time"]
    assert reported["未报送"] == nation["units_expected"] - nation["units_reported"]


def _search_data(files: Mapping[str, bytes]) -> dict[str, Any]:
    script = files["units/data.js"].decode()
    assert re.fullmatch(r"var unitData = [^\n]*;\n", script)
    return dict(json.loads(script.removeprefix("var unitData = ").rstrip(";\n")))


def test_downloads_list_every_file_with_its_digest(site: Site) -> None:
    page = site.files["downloads/index.html"].decode()
    listed = dict(
        re.findall(r'<a href="\.\./([^"]+)">[^<]+</a></th>.*?<code>([0-9a-f]{64})</code>', page)
    )
    manifest = json.loads(site.files["manifest.json"])
    published = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    published.pop("downloads/index.html")
    published = {p: digest for p, digest in published.items() if not p.startswith("api/figures/")}
    assert listed == published
    names = dict(re.findall(r'<a href="\.\./([^"]+)">[^<]+</a></th>\s*<td[^>]*>([^<]*)</td>', page))
    assert set(names) == set(published)
    # Every file has a Chinese name.
    assert [path for path, name in names.items() if not re.search("[\u4e00-\u9fff]", name)] == []
    assert names["trace/T05/C_04.html"] == "职业教育信息化标杆学校·年度计划投入经费"
    assert names["provinces/440000/summaries/T05.docx"] == (
        "广东省·职业教育信息化标杆学校·总结（草稿）"
    )
    assert names["index.html"] == "首页"


def test_the_quality_sheet_says_what_the_marts_say(site: Site) -> None:
    page = site.files["metadata/quality.html"].decode()
    headings = re.findall(r"<h2[^>]*>.*?（(.*?)）</h2>", page)
    assert headings == [
        "Relevance",
        "Accuracy and reliability",
        "Timeliness and punctuality",
        "Coherence and comparability",
        "Accessibility and clarity",
    ]
    cells = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    ]
    rows = {re.sub("<[^>]+>", "", row[0]): [re.sub("<[^>]+>", "", c) for c in row] for row in cells}
    for region in site.marts.regions:
        expected = site.marts.row("province_scorecard", region.code)
        assert rows[region.name][1:4] == [
            expected.text(column)
            for column in ("units_expected", "units_reported", "reporting_rate")
        ]
    excluded = Counter(each["exclusion_code"] for each in site.marts.excluded)
    assert excluded
    for code, number in excluded.items():
        _, name, values, _ = rows[code]
        assert re.search("[\u4e00-\u9fff]", name)
        assert int(values.replace(",", "")) == number
    for code, incomparable in load_catalogue().incomparable.items():
        [found] = [row for label, row in rows.items() if label.startswith(f"{code} ")]
        assert found[1] == incomparable.reason_zh
    assert rows["2024年度"][2:4] == ["2024年12月15日", "2024年12月15日"]


def _hostile(site: Site) -> tuple[Marts, dict[str, bytes]]:
    units = [dict(unit) for unit in site.marts.units]
    units[0]["unit_name"], units[1]["unit_name"] = HOSTILE, FORMULA
    units[2]["unit_name"], units[2]["city_name"] = "\u2028<!--<script>", '" onclick="alert(1)'
    highlights = [dict(row) for row in site.marts.highlights]
    highlights[0] |= {"unit_name": HOSTILE, "highlight": f"<img src=x onerror=alert(1)>{HOSTILE}"}
    marts = dataclasses.replace(site.marts, units=units, highlights=highlights)
    made = complete(site_pages(marts))
    named = {path: made[path] for path in made if path.startswith(("units/", "experience/"))}
    return marts, {**site.files, **named}


def test_a_hostile_name_stays_text(site: Site) -> None:
    marts, files = _hostile(site)
    assert [path for path, body in files.items() if HOSTILE.encode() in body] == []
    for path, body in files.items():
        if re.fullmatch(r"(units|experience)/.*\.html", path):
            page = body.decode()
            assert "<img" not in page, path
            assert _faults(page) == [], path
            assert "onclick" not in {name for tag in _tags(page) for name in tag}
    data = _search_data(files)
    names = {u[1] for tasks in data["units"].values() for units in tasks.values() for u in units}
    assert {HOSTILE, FORMULA} < names
    first = marts.units[0]["province_code"]
    assert unescape(files[f"units/{first}.html"].decode()).count(HOSTILE) == 1


def _tags(page: str) -> list[set[str]]:
    found: list[set[str]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append({name for name, _ in attrs})

    Tags().feed(page)
    return found


def test_data_cannot_end_their_script_element() -> None:
    text = str(json_for_script({"a": "</script><!--\u2028&"}))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--\u2028&"}


def test_the_content_of_pages_has_the_same_digest_in_every_process(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest has digests of the content, so it must not contain addresses of objects."""
    contents: list[str] = []

    def recorded(content: Any) -> str:
        contents.append(repr(content))
        return ""

    monkeypatch.setattr("orchestration.bulletin.site.pages.digest_of", recorded)
    site_pages(site.marts)
    assert len(contents) > 40
    assert not [each for each in contents if " at 0x" in each or "set(" in each]


def test_the_same_marts_give_the_same_pages(site: Site) -> None:
    made = complete(site_pages(site.marts))
    assert made == complete(site_pages(site.marts))


def test_templates_of_the_site_compute_nothing() -> None:
    for path in (PROJECT_ROOT / "orchestration/bulletin").rglob("*.j2"):
        text = path.read_text(encoding="utf-8")
        expressions = re.findall(r"\{[{%](.*?)[%}]\}", text, re.DOTALL)
        computed = [e for e in expressions if re.search(r" [*/+] |\bround\b|\bsum\b", e)]
        assert computed == [], path.name


def test_former_editions_are_listed_in_the_edition_and_in_the_years_index(site: Site) -> None:
    notes = (
        EditionNote(1, "2024年12月15日"),
        EditionNote(2, "", "更正<某省>数据", "41个数字"),
    )
    page = site_pages(site.marts, notes)["editions/index.html"].decode()
    above = year_index(YEAR, notes, is_synthetic=True).decode()
    for text, base in ((page, "../../"), (above, "")):
        links = _parse_page(text).links
        assert [f"{base}edition-{n}/index.html" in links for n in (1, 2)] == [True, True]
        assert text.index("第2版</a>") < text.index("第1版</a>") or base == ""
        assert "更正&lt;某省&gt;数据" in text
        assert text.count(">现行有效<") == text.count(">已被取代<") == 1
    assert "合成数据" in above
    assert _parse_page(above).faults == []


# --- in a browser ---------------------------------------------------------------------------


#: Opens each page in a frame of its step's width, runs the step's script and records its result.
_HARNESS = """<!doctype html><meta charset="utf-8"><body><script>
var steps = %s, out = [];
function step(index) {
  if (index === steps.length) {
    var pre = document.createElement("pre");
    pre.id = "out";
    pre.textContent = JSON.stringify(out);
    document.body.appendChild(pre);
    return;
  }
  var frame = document.createElement("iframe");
  frame.width = steps[index].width; frame.height = 800;
  frame.onload = function () {
    var doc = frame.contentDocument, found = {page: steps[index].page};
    new Promise(function (done) {
      found.room = doc.documentElement.clientWidth;
      found.wide = doc.documentElement.scrollWidth;
      done(steps[index].run ? (new Function("doc", steps[index].run))(doc) : null);
    }).then(
      function (result) { found.result = result; },
      function (error) { found.error = String(error); }
    ).then(function () {
      out.push(found);
      document.body.removeChild(frame);
      step(index + 1);
    });
  };
  frame.src = steps[index].page;
  document.body.appendChild(frame);
}
step(0);
</script>"""

#: Script: whether each link of the navigation is visible.
_NAVIGATION = (
    "return [].map.call(doc.querySelectorAll('.site-head nav:not(.breadcrumbs) a'), "
    "function (a) {return a.offsetParent !== null})"
)
_NAMES = (
    "return [].map.call(doc.querySelectorAll('#results tbody th'), "
    "function (c) {return c.textContent})"
)
_SORTED = (
    "var column = [].findIndex.call(doc.querySelectorAll('#compare thead th'), "
    "function (c) {return c.dataset.key === 'on_time_rate'});"
    "var button = doc.querySelectorAll('#compare thead th')[column].querySelector('button');"
    "button.click(); if (%d) {button.click();}"
    "return [].map.call(doc.querySelectorAll('#compare tbody tr'), "
    "function (r) {return r.cells[column].textContent})"
)


#: Script: the text that each table's button for download makes.
_DOWNLOADED = (
    "var win = doc.defaultView, text; win.Blob = function (parts) {text = parts.join('')};"
    "win.URL.createObjectURL = function () {return '#'};"
    "win.HTMLAnchorElement.prototype.click = function () {};"
    "return [].map.call(doc.querySelectorAll('.table-tools button'), "
    "function (button) {button.click(); return text})"
)
#: Script: of each table, how many of its links and buttons the Tab key reaches.
_TAB_STOPS = (
    "return [].map.call(doc.querySelectorAll('main table'), function (table) {"
    "return [].filter.call(table.querySelectorAll('a[href], button'), "
    "function (stop) {return stop.tabIndex >= 0}).length})"
)
#: Script: what has the focus after each of some keys, from the first button of the first table.
_KEYS = (
    "var table = doc.querySelector('main table'), win = doc.defaultView;"
    "table.querySelector('button').focus();"
    "return %s.map(function (key) {doc.activeElement.dispatchEvent("
    "new win.KeyboardEvent('keydown', {key: key, bubbles: true}));"
    "var cell = doc.activeElement.closest('th, td');"
    "return [cell.parentNode.rowIndex, cell.cellIndex]})"
)
#: Script: sorts the first table by a column and returns the column's texts and its state.
_COLUMN_SORTED = (
    "var table = doc.querySelector('main table'), head = table.tHead.rows[0].cells[%d], found = [];"
    "for (var click = 0; click < 3; click += 1) {head.querySelector('button').click();"
    "found.push([head.getAttribute('aria-sort'), [].map.call(table.tBodies[0].rows, "
    "function (row) {return row.cells[%d].textContent})])} return found"
)


#: Script: the rules of WCAG 2.1 A and AA and of good practice that axe finds violated, with places;
#: takes the address of axe and its options.
_AXE = (
    "return new Promise(function (done, fail) {"
    "var script = doc.createElement('script'); script.src = %s;"
    "script.onload = function () {doc.defaultView.axe.run(doc, %s).then(function (found) {"
    "done(found.violations.map(function (rule) {return [rule.id, rule.nodes.slice(0, 3).map("
    "function (node) {return node.target.join(' ')})]}))}, fail)};"
    "script.onerror = fail; doc.head.appendChild(script)})"
)


def _browse(
    folder: Path, profile: Path, steps: list[dict[str, Any]], *flags: str
) -> tuple[list[dict[str, Any]], str]:
    """Open pages in a browser.

    Returns:
        the result of each step, and the messages of the browser's console.
    """
    chromium = CHROMIUM.found()
    if chromium is None:
        pytest.skip(CHROMIUM.advice)
    harness = folder / "harness.html"
    harness.write_text(_HARNESS % json.dumps(steps), encoding="utf-8")
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            # Without this flag a frame with another file has another origin.
            "--allow-file-access-from-files", "--enable-logging=stderr",
            f"--user-data-dir={profile}", "--virtual-time-budget=60000", "--window-size=1300,900",
            *flags, "--dump-dom", harness.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(unescape(found[1])), console


def _write(files: Mapping[str, bytes], folder: Path) -> Path:
    for path, body in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    return folder


def test_in_a_browser_search_sorting_and_narrow_screens_work(site: Site, tmp_path: Path) -> None:
    marts, files = _hostile(site)
    folder = _write(files, tmp_path / "edition-1")
    unit = marts.units[7]
    phone = [
        {"page": path, "width": 360, "run": _NAVIGATION}
        for path in (
            "index.html",
            "national/bulletin.html",
            "tasks/T05/bulletin.html",
            "provinces/440000/bulletin.html",
            "provinces/index.html",
            f"units/index.html#province={unit['province_code']}",
            "units/440000.html",
            "experience/index.html",
            "experience/T05.html",
            "downloads/index.html",
            "editions/index.html",
            "quality/index.html",
            "trace/T05/reporting.html",
            "trace/scorecard.html",
            "uses/watchlist.html",
            "provinces/matrix.html",
        )
    ]
    code = unit["unit_code"]
    steps = [
        *phone,
        {"page": f"units/index.html#q={code.lower()}", "width": 1200, "run": _NAMES},
        {"page": "units/index.html#q=alert(1)", "width": 1200, "run": _NAMES},
        {"page": "units/index.html#report=2", "width": 1200, "run": _NAMES},
        {"page": "provinces/index.html", "width": 1200, "run": _SORTED % 0},
        {"page": "provinces/index.html#sort=province&up=1", "width": 1200, "run": _SORTED % 1},
        {
            "page": "provinces/index.html#show=units_expected",
            "width": 1200,
            "run": "return [].filter.call(doc.querySelectorAll('#compare thead th'), "
            "function (c) {return !c.hidden}).length",
        },
    ]
    found, console = _browse(folder, tmp_path / "profile", steps)
    assert console == ""
    assert [step for step in found if "error" in step] == []
    narrow = found[: len(phone)]
    assert [s for s in narrow if s["wide"] > s["room"] or not 340 <= s["room"] <= 360] == []
    # Pages that others make have the navigation too.
    assert [s["page"] for s in narrow if not s["result"] or not all(s["result"])] == []
    by_code, by_name, silent, down, up, columns = (step["result"] for step in found[len(phone) :])
    assert by_code == [unit["unit_name"]]
    assert HOSTILE in by_name
    assert len(silent) == sum(u["has_reported"] is False for u in marts.units)
    rows = marts.rows("province_scorecard")
    rates = sorted(row["on_time_rate"] for row in rows)
    assert up == [percent(rate) for rate in rates]
    assert down == up[::-1]
    assert columns == 2


def test_in_a_browser_every_table_is_sorted_downloaded_and_one_tab_stop(
    site: Site, tmp_path: Path
) -> None:
    marts, files = _hostile(site)
    folder = _write(files, tmp_path / "edition-1")
    province = marts.units[1]["province_code"]
    keys = ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "End", "Home", "ArrowUp"]
    steps = [
        {"page": f"units/{province}.html", "run": _DOWNLOADED},
        {"page": "trace/T05/reporting.html", "run": _COLUMN_SORTED % (1, 1)},
        {"page": "provinces/index.html", "run": _KEYS % json.dumps(keys)},
        *(
            {"page": page, "run": _TAB_STOPS}
            for page in ("provinces/matrix.html", "national/bulletin.html", "trace/T05/C_04.html")
        ),
    ]
    found, console = _browse(folder, tmp_path / "profile", [{**s, "width": 1200} for s in steps])
    assert console == ""
    assert [step for step in found if "error" in step] == []
    texts, by_column, focus, *stops = (step["result"] for step in found)

    assert {text[0] for text in texts} == {"\ufeff"}
    tables = [list(csv.reader(io.StringIO(text[1:], newline=""))) for text in texts]
    assert {(table[0][0], table[0][-1]) for table in tables} == {("单位名称", "数据性质")}
    rows = [row for table in tables for row in table[1:]]
    assert {(len(row), row[-1]) for row in rows} == {(len(tables[0][0]), "合成数据，非真实填报")}
    assert f"'{FORMULA}" in {row[0] for row in rows}
    assert FORMULA not in {row[0] for row in rows}

    expected = {row["province_code"]: row["units_expected"] for row in
                marts.rows("agg_province_task", task_code="T05")}  # fmt: skip
    nation = marts.row("agg_national_task", "T05")["units_expected"]
    provinces = [expected[region.code] for region in marts.regions]
    orders = [sorted(provinces, reverse=True), sorted(provinces), provinces]
    assert [state for state, _ in by_column] == ["descending", "ascending", None]
    # The nation's row stays on top.
    assert [texts for _, texts in by_column] == [
        [str(number) for number in (nation, *order)] for order in orders
    ]

    last = focus[4][1]
    assert focus == [[0, 1], [1, 1], [2, 1], [2, 0], [2, last], [2, 0], [1, 0]]
    assert last > 1
    assert all(set(counts) <= {0, 1} for counts in stops)
    assert all(1 in counts for counts in stops)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "options"),
    [
        pytest.param([], {}, id="light"),
        # The other rules read no colours.
        pytest.param(["--force-dark-mode"], {"runOnly": ["color-contrast"]}, id="dark"),
    ],
)
def test_in_a_browser_axe_finds_nothing(
    site: Site, tmp_path: Path, flags: list[str], options: dict[str, Any]
) -> None:
    """One page of each kind; the rules of WCAG 2.1 A and AA and of good practice."""
    axe = Path(str(files_of("axe_core_python"))) / "axe.min.js"
    region = site.marts.units[0]["province_code"]
    pages = (
        "index.html", "editions/index.html", "experience/T05.html", "quality/index.html",
        "uses/shuanggao.html", "uses/watchlist.html", "units/index.html#task=T05",
        f"units/{region}.html", "trace/T05/C_04.html", "trace/T05/reporting.html",
        f"trace/{site.marts.units[0]['task_code']}/{region}.html",
        f"provinces/{region}/bulletin.html",
    )  # fmt: skip
    script = _AXE % (json.dumps(axe.as_uri()), json.dumps(options))
    steps = [{"page": page, "width": 1200, "run": script} for page in pages]
    found, _ = _browse(site.folder, tmp_path / "profile", steps, *flags)
    assert [step for step in found if "error" in step] == []
    assert {step["page"]: step["result"] for step in found} == {page: [] for page in pages}
