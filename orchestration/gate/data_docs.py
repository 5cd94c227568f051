"""Great Expectations' Data Docs of a decision, changed to be self-contained and reproducible.

Belongs here: Great Expectations' validation pages, without content from other hosts, times and
random ids. Doesn't belong here: the project's own report (``report``), which links to them.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations import CHECKS

if TYPE_CHECKING:
    from orchestration.gate.decision import GateDecision

__all__ = ["pages", "write"]

#: Replaces Bootstrap and the other styles that the pages load from other hosts.
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.6 "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC",
  "Microsoft YaHei", "PingFang SC", sans-serif; margin: 0 auto; padding: 1.5rem;
  max-width: 72rem; color: #1f2328; background: #fff; }
footer, .modal, #ge-cta-footer, .ge-navbar, script, .ge-back-to-top,
[id^="ge-cta"], .navbar { display: none !important; }
.container, .container-fluid, .row, .col-12, .col-lg-10, .col-md-10 { position: static;
  padding: 0; margin: 0; width: auto; max-width: none; }
#navigation, .ge-navigation-sidebar-container, .col-lg-2 { display: none !important; }
.collapse { display: block; }
h1, h2, h3, h4, h5, h6, .h6 { line-height: 1.35; margin: .2em 0; font-size: 1.05rem; }
.ge-section { margin-top: 1.2rem; }
.top-line { display: flex; justify-content: space-between; gap: 1rem; margin: 0 0 1rem; }
.synthetic { color: #b42318; font-weight: bold; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; font-size: 14px; }
th, td { border: 1px solid #d0d7de; padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { background: #f6f8fa; }
.text-success, .fa-check-circle { color: #1a7f37 !important; }
.text-danger, .fa-times { color: #b42318 !important; }
.fa-check-circle::before { content: "✓"; font-style: normal; font-weight: bold; }
.fa-times::before { content: "✗"; font-style: normal; font-weight: bold; }
.badge { display: inline-block; padding: 0 .4em; border: 1px solid #d0d7de;
  border-radius: .3em; background: #f6f8fa; font-size: .92em; }
.alert { border-left: 4px solid #d0d7de; padding: .3rem .8rem; background: #f6f8fa; }
ol.breadcrumb { list-style: none; padding: 0; color: #57606a; }
.cooltip .top, .tooltip, .popover { display: none; }
@media print { body { padding: 0; font-size: 10.5pt; } }
"""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _offline(html: str, top_line: str) -> str:
    """Remove scripts and content of other hosts from a page, and add the top line."""
    html = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL | re.IGNORECASE)
    html = re.sub(r"<link\b[^>]*>", "", html, flags=re.IGNORECASE)
    html = re.sub(r"<style\b.*?</style>", "", html, flags=re.DOTALL | re.IGNORECASE)
    html = re.sub(r"<img\b[^>]*>", "", html, flags=re.IGNORECASE)
    html = re.sub(r"<footer\b.*?</footer>", "", html, flags=re.DOTALL | re.IGNORECASE)
    html = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    html = re.sub(r"<nav\b.*?</nav>", "", html, flags=re.DOTALL | re.IGNORECASE)
    # The index of Data Docs is not published: links to it lead to our report.
    html = re.sub(r'href="(?:\.\./)+[^"]*"', 'href="../index.html"', html)
    html = re.sub(r"<tr>(?:(?!</tr>).)*?Run Time.*?</tr>", "", html, flags=re.DOTALL)
    html = re.sub(r"(<br>)?\s*Data asset: None", "", html)
    ids = list(dict.fromkeys(_UUID.findall(html)))
    for number, identifier in enumerate(ids, 1):
        html = html.replace(identifier, f"part-{number}")
    html = html.replace("</head>", f"<style>{_STYLE}</style></head>", 1)
    html = re.sub(r"(<body[^>]*>)", lambda match: match.group(1) + top_line, html, count=1)
    return "\n".join(line.rstrip() for line in html.splitlines() if line.strip()) + "\n"


def _fixed(validation: Any, order: list[str], year: int) -> Any:
    """A copy without random ids, with the results in the order of the suite.

    Great Expectations needs a run time; :func:`_offline` removes the line that shows it.
    """
    from great_expectations.core.run_identifier import RunIdentifier

    fixed = copy.copy(validation)
    fixed.results = [copy.copy(result) for result in validation.results]
    fixed.results.sort(key=lambda result: order.index(result.expectation_config.meta["name"]))
    for result in fixed.results:
        result.expectation_config = copy.deepcopy(result.expectation_config)
        result.expectation_config.id = None
        result.result = {
            name: value for name, value in result.result.items() if name != "unexpected_index_query"
        }
    fixed.meta = {
        "great_expectations_version": validation.meta["great_expectations_version"],
        "run_id": RunIdentifier(run_name=str(year), run_time=f"{year}-12-31T00:00:00Z"),
        "active_batch_definition": validation.meta["active_batch_definition"],
        "batch_spec": {},
    }
    return fixed


def pages(
    decision: GateDecision, find_unchanged: Callable[[str, str], bytes | None]
) -> Iterator[tuple[str, bytes]]:
    """Yield file name and bytes of each page; there is one for each suite and frame.

    Args:
        find_unchanged: see ``documents.write_docs``.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    synthetic = (
        '<span class="synthetic">合成数据，非真实填报</span>' if decision.is_synthetic else ""
    )
    top_line = (
        f'<p class="top-line"><a href="../index.html">← {decision.year}年度数据质量报告</a>'
        f"{synthetic}</p>"
    )
    order = [check.name for checks in CHECKS.values() for check in checks]
    for validation in decision.validations:
        name = f"{validation.suite_name}.html"
        fixed = _fixed(validation, order, decision.year)
        top = top_line + _waived(decision, validation.suite_name)
        body = find_unchanged(f"data_docs/{name}", _digest(fixed, top))
        if body is None:
            document = ValidationResultsPageRenderer().render(fixed)
            body = _offline(DefaultJinjaPageView().render(document), top).encode()
        yield name, body


def _digest(validation: Any, top: str) -> str:
    """The SHA-256 of a page's content: the results as JSON and the top line."""
    content = json.dumps([validation.to_json_dict(), top], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _waived(decision: GateDecision, suite_name: str) -> str:
    """The paragraphs below the top line: the page's failed checks that are waived."""
    return "".join(
        f"<p><b>已签批豁免</b>：{escape(outcome.check.title_zh)}："
        f"{escape('；'.join(waiver.text_zh for waiver in outcome.covering))}</p>"
        for outcome in decision.outcomes
        if outcome.is_waived and f"{outcome.level}.{outcome.check.frame}" == suite_name
    )


def write(
    decision: GateDecision, directory: Path, find_unchanged: Callable[[str, str], bytes | None]
) -> list[Path]:
    """Write the pages and return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, body in pages(decision, find_unchanged):
        path = directory / name
        path.write_bytes(body)
        written.append(path)
    return written
