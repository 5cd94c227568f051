"""The kinds of alarm: one row each, all that is fixed about it.

Belongs here: code, severity, titles, the command that comes next, and how long a condition must
stand before it is said, with the reason. The runbook has a section for each (``#<code>``; a test
compares). Doesn't belong here: how a condition is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

__all__ = [
    "GATE_BLOCKED",
    "INTAKE_OVERDUE",
    "KINDS",
    "NOTICE",
    "PUBLICATION_OVERDUE",
    "ROWS_FELL",
    "RUN_FAILED",
    "RUN_STUCK",
    "STORE_UNREACHABLE",
    "SUBMISSIONS_WAITING",
    "TEST",
    "TRANSFORM_OVERDUE",
    "Kind",
]


@dataclass(frozen=True)
class Kind:
    """A kind of alarm.

    Attributes:
        code: stable; the anchor of its section in the runbook.
        severity: ``critical``: somebody must do something now; ``warning``: today.
        title_zh, title_en: what stands.
        over_zh, over_en: what is said once it doesn't any more.
        command: what to type next; ``{year}`` and ``{stage}`` are filled in.
        after: how long it must stand before it is said.
        reason: why ``after`` (or the bound that the condition is found with) is what it is.
    """

    code: str
    severity: Literal["critical", "warning", "info"]
    title_zh: str
    title_en: str
    over_zh: str
    over_en: str
    command: str
    after: timedelta
    reason: str

    @property
    def runbook(self) -> str:
        """Where the runbook says what to do."""
        return f"infra/runbook.md#{self.code}"


RUN_FAILED = Kind(
    code="run-failed",
    severity="critical",
    title_zh="运行失败",
    title_en="a run has failed",
    over_zh="运行已恢复正常",
    over_en="runs succeed again",
    command="tongbao {stage}",
    after=timedelta(0),
    reason="a run has had its own tries by then",
)
RUN_STUCK = Kind(
    code="run-stuck",
    severity="critical",
    title_zh="运行迟迟未结束",
    title_en="a run does not end",
    over_zh="运行已结束",
    over_en="the run has ended",
    command="tongbao run --year {year}",
    after=timedelta(hours=2),
    reason="a whole year of 12,000 units takes minutes; with a quarter of an hour of tries for a "
    "store that is down it is still far below two hours, and nothing else can run meanwhile",
)
GATE_BLOCKED = Kind(
    code="gate-blocked",
    severity="critical",
    title_zh="质量门禁未通过，通报暂不发布",
    title_en="the gate blocks publication",
    over_zh="质量门禁已通过",
    over_en="the gate lets it through again",
    command="tongbao gate --year {year}",
    after=timedelta(0),
    reason="a verdict is a verdict",
)
PUBLICATION_OVERDUE = Kind(
    code="publication-overdue",
    severity="critical",
    title_zh="已过发布时间，通报尚未发布",
    title_en="the bulletins are overdue",
    over_zh="通报已发布",
    over_en="the bulletins are published",
    command="tongbao run --year {year}",
    after=timedelta(hours=2),
    reason="from the hour of publication; the run takes minutes, its tries a quarter of an hour, "
    "and two hours later the office day has begun without bulletins",
)
INTAKE_OVERDUE = Kind(
    code="intake-overdue",
    severity="warning",
    title_zh="征集期内长时间未接收报送",
    title_en="no intake while the collection is open",
    over_zh="报送接收已恢复",
    over_en="intake runs again",
    command="tongbao intake --year {year}",
    after=timedelta(hours=26),
    reason="the nightly collection looks once a day whatever comes: a day and two hours is one "
    "night missed",
)
SUBMISSIONS_WAITING = Kind(
    code="submissions-waiting",
    severity="critical",
    title_zh="已上传的材料未得到回执",
    title_en="submissions wait for their receipts",
    over_zh="积压的材料已全部接收",
    over_en="nothing waits any more",
    command="tongbao intake --year {year}",
    after=timedelta(minutes=15),
    reason="two minutes are promised; 15 are a transform under way (one writer) and two looks",
)
TRANSFORM_OVERDUE = Kind(
    code="transform-overdue",
    severity="warning",
    title_zh="接收后长时间未汇总",
    title_en="no transform after an intake",
    over_zh="汇总已更新",
    over_en="the marts are up to date again",
    command="tongbao transform --year {year}",
    after=timedelta(hours=2),
    reason="every collection transforms what it took in within minutes; after two hours it is not "
    "under way but missing",
)
ROWS_FELL = Kind(
    code="rows-fell",
    severity="warning",
    title_zh="数据行数异常下降",
    title_en="rows have become fewer",
    over_zh="数据行数未再下降",
    over_en="rows become no fewer any more",
    command='tongbao sql "select * from quality.transform_runs where year = {year}"',
    after=timedelta(0),
    reason="the bounds stand with the counting (orchestration/observing/row_counts.py)",
)
STORE_UNREACHABLE = Kind(
    code="store-unreachable",
    severity="critical",
    title_zh="存储或目录库无法访问",
    title_en="object storage or the catalogue can't be reached",
    over_zh="存储与目录库已恢复",
    over_en="object storage and the catalogue are back",
    command="tongbao alarm",
    after=timedelta(minutes=5),
    reason="a restart is over in seconds, a failover in a few minutes, and both need nobody",
)
#: What somebody is told once, with nothing that could stand or be over.
NOTICE = Kind(
    code="notice",
    severity="info",
    title_zh="通知",
    title_en="notice",
    over_zh="",
    over_en="",
    command="",
    after=timedelta(0),
    reason="said when there is something to say",
)
TEST = Kind(
    code="test",
    severity="info",
    title_zh="测试消息",
    title_en="test message",
    over_zh="",
    over_en="",
    command="tongbao alarm --test",
    after=timedelta(0),
    reason="said when asked for",
)

KINDS = (
    RUN_FAILED,
    RUN_STUCK,
    GATE_BLOCKED,
    PUBLICATION_OVERDUE,
    STORE_UNREACHABLE,
    SUBMISSIONS_WAITING,
    INTAKE_OVERDUE,
    TRANSFORM_OVERDUE,
    ROWS_FELL,
    NOTICE,
    TEST,
)
