"""The kinds of alarm, with everything that is fixed about each.

The runbook has a section for each kind (``#<code>``; a test compares them).

Belongs here: code, severity, titles, the command to run next, and how long a condition must be
active before it is reported, with the reason. Doesn't belong here: detecting conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

__all__ = [
    "BACKUP_OVERDUE",
    "GATE_BLOCKED",
    "INTAKE_OVERDUE",
    "KINDS",
    "NOTICE",
    "PUBLICATION_OVERDUE",
    "ROWS_FELL",
    "RUN_FAILED",
    "RUN_STUCK",
    "SERVICE_FAILED",
    "STORE_UNREACHABLE",
    "SUBMISSIONS_WAITING",
    "TEST",
    "TICKS_FAIL",
    "TRANSFORM_OVERDUE",
    "Kind",
]


@dataclass(frozen=True)
class Kind:
    """A kind of alarm.

    Attributes:
        code: stable identifier, and the anchor of its section in the runbook.
        severity: ``critical``: somebody must act now; ``warning``: somebody must act today.
        title_zh, title_en: title of a message about an active condition.
        over_zh, over_en: title of the message that it is resolved.
        command: the command to run next; ``{year}`` and ``{stage}`` are filled in.
        after: how long a condition must be active before it is reported.
        reason: the reason for ``after``, or for the threshold of the condition.
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
        """Path and anchor of its section in the runbook."""
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
    reason="a run has made its own retries by then",
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
    reason="a run of 12,000 units takes minutes, and its retries while a store is down a quarter "
    "of an hour: far below two hours; nothing else can run meanwhile",
)
TICKS_FAIL = Kind(
    code="ticks-fail",
    severity="critical",
    title_zh="传感器或定时任务执行失败",
    title_en="a sensor or a schedule fails",
    over_zh="传感器和定时任务已恢复",
    over_en="sensors and schedules work again",
    command="tongbao doctor",
    after=timedelta(minutes=5),
    reason="a restart of the code location or of a database takes a few minutes, in which ticks "
    "fail and nothing is lost; sensors tick twice a minute",
)
GATE_BLOCKED = Kind(
    code="gate-blocked",
    severity="critical",
    title_zh="质量门禁未通过，通报暂不发布",
    title_en="the gate blocks publication",
    over_zh="质量门禁已通过",
    over_en="the gate passes again",
    command="tongbao gate --year {year}",
    after=timedelta(0),
    reason="a decision of the gate is final until the next one",
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
    reason="counted from the hour of publication; the run takes minutes, its retries a quarter of "
    "an hour, and two hours later the working day has begun without bulletins",
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
    reason="the nightly schedule runs once a day: after a day and two hours one night was missed",
)
SUBMISSIONS_WAITING = Kind(
    code="submissions-waiting",
    severity="critical",
    title_zh="已上传的材料未得到回执",
    title_en="submissions wait for their receipts",
    over_zh="积压的材料已全部接收",
    over_en="no submission is waiting any more",
    command="tongbao intake --year {year}",
    after=timedelta(minutes=15),
    reason="two minutes are promised; 15 allow for a transform under way (there is one writer) and "
    "two checks",
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
    reason="every collection runs the transform within minutes of the intake; after two hours it "
    "is missing, not late",
)
ROWS_FELL = Kind(
    code="rows-fell",
    severity="warning",
    title_zh="数据行数异常下降",
    title_en="rows have become fewer",
    over_zh="数据行数未再下降",
    over_en="no table has lost rows any more",
    command='tongbao sql "select * from quality.transform_runs where year = {year}"',
    after=timedelta(0),
    reason="the bounds and their reasons are in orchestration/observing/row_counts.py",
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
    reason="a restart takes seconds and a failover a few minutes, and nobody needs to act on them",
)
BACKUP_OVERDUE = Kind(
    code="backup-overdue",
    severity="critical",
    title_zh="备份已过期",
    title_en="the last backup is too old",
    over_zh="已有新的备份",
    over_en="there is a new backup",
    command="tongbao doctor",
    after=timedelta(hours=32),
    reason="a backup begins every 24 hours and may take six (TimeoutStartSec of its unit); two "
    "hours more allow for a host that was down at that time",
)
#: Sent once by systemd (``OnFailure=``), without a condition that is checked.
SERVICE_FAILED = Kind(
    code="service-failed",
    severity="critical",
    title_zh="系统服务执行失败",
    title_en="a service has failed",
    over_zh="",
    over_en="",
    command="tongbao doctor",
    after=timedelta(0),
    reason="systemd reports it once, when it gives up",
)
#: A message that is sent once, without a condition.
NOTICE = Kind(
    code="notice",
    severity="info",
    title_zh="通知",
    title_en="notice",
    over_zh="",
    over_en="",
    command="",
    after=timedelta(0),
    reason="sent at once",
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
    reason="sent on request",
)

KINDS = (
    RUN_FAILED,
    RUN_STUCK,
    TICKS_FAIL,
    GATE_BLOCKED,
    PUBLICATION_OVERDUE,
    STORE_UNREACHABLE,
    SUBMISSIONS_WAITING,
    INTAKE_OVERDUE,
    TRANSFORM_OVERDUE,
    ROWS_FELL,
    BACKUP_OVERDUE,
    SERVICE_FAILED,
    NOTICE,
    TEST,
)
