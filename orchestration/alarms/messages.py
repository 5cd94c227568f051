"""How an alarm reads: what, since when, who is touched, which command next.

Belongs here: one message in two languages, as plain text and as JSON. A message holds what it
says and nothing else: no run configuration, no error trace, no contact.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from orchestration.alarms.conditions import Condition, Touched
from orchestration.alarms.kinds import NOTICE, TEST, Kind
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.observing import redact

__all__ = ["Message", "notice", "of_condition", "test_message"]

#: Names that a message gives; a mail that fits one screen is read to its end.
_PROVINCES_NAMED = 8
_UNITS_NAMED = 5

_STATES_ZH = {
    "alarm": "告警",
    "still": "仍未解决",
    "over": "已解除",
    "test": "测试",
    "notice": "通知",
}
_SEVERITY_ZH = {"critical": "紧急", "warning": "注意", "info": "提示"}
_COUNTED_ZH = {"units": "个单位", "objects": "个对象"}


@dataclass(frozen=True)
class Message:
    """One message, as it is delivered.

    Attributes:
        id: the same for the same thing said at the same time: a receiver that has it already
            may drop it (also the ``Idempotency-Key`` of the webhook and the mail's Message-ID).
        state: ``alarm`` (said first), ``still`` (each morning), ``over``, ``notice``, ``test``.
        subject: one line, Chinese and English.
        text: the whole as plain text, Chinese and English.
        data: the same for machines.
    """

    id: str
    state: str
    subject: str
    text: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """What the webhook is sent."""
        return {
            "id": self.id,
            "state": self.state,
            "subject": self.subject,
            "text": self.text,
            **self.data,
        }


def of_condition(
    condition: Condition,
    state: Literal["alarm", "still", "over"],
    since: datetime,
    now: datetime,
) -> Message:
    """A condition's message.

    Args:
        since: since when it stands (UTC aware).
        now: when it is said.
    """
    kind = condition.kind
    over = state == "over"
    return _message(
        kind,
        state,
        condition.year,
        now,
        title_zh=kind.over_zh if over else kind.title_zh,
        title_en=kind.over_en if over else kind.title_en,
        zh=condition.zh,
        en=condition.en,
        since=since,
        touched=condition.touched,
        command="" if over else condition.command,
        key=condition.key,
    )


def notice(*, year: int, zh: str, en: str, touched: Touched, now: datetime) -> Message:
    """Something that is said once, with nothing that stands or is over."""
    return _message(
        NOTICE,
        "notice",
        year,
        now,
        title_zh=NOTICE.title_zh,
        title_en=NOTICE.title_en,
        zh=zh,
        en=en,
        since=now,
        touched=touched,
        command="",
        key=f"{NOTICE.code}/{year}/{en}",
    )


def test_message(now: datetime) -> Message:
    """What ``tongbao alarm --test`` sends."""
    return _message(
        TEST,
        "test",
        None,
        now,
        title_zh=TEST.title_zh,
        title_en=TEST.title_en,
        zh="这是一条测试消息：告警渠道可用，无需处理",
        en="this is a test: the channel works, nothing is to be done",
        since=now,
        touched=Touched(),
        command="",
        key="test",
    )


def _message(
    kind: Kind,
    state: str,
    year: int | None,
    now: datetime,
    *,
    title_zh: str,
    title_en: str,
    zh: str,
    en: str,
    since: datetime,
    touched: Touched,
    command: str,
    key: str,
) -> Message:
    of_zh = f"{year}年" if year else ""
    of_en = f" ({year})" if year else ""
    level = f"{_STATES_ZH[state]}·{_SEVERITY_ZH[kind.severity]}"
    if state in {"over", "test", "notice"}:
        level = _STATES_ZH[state]
    subject = f"[通报 Tongbao] {level} {of_zh}{title_zh} / {state}: {title_en}{of_en}"
    beijing = f"{since.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    stood = _duration(now - since)
    who_zh, who_en = _touched_zh(touched), _touched_en(touched)
    rows = [
        ("情况 what", [zh, en]),
        ("起始 since", [f"{beijing} 北京时间 Beijing time{stood}"]),
        ("涉及 touched", [who_zh, who_en] if who_zh else []),
        ("处理 next", [command] if command else []),
        ("手册 runbook", [kind.runbook] if command else []),
    ]
    lines = [f"{of_zh}{title_zh}", f"{title_en}{of_en}", ""]
    for name, said in rows:
        for line in said:
            lines += [f"{name}:", f"  {line}"] if line is said[0] else [f"  {line}"]
    identity = hashlib.sha256(f"{key} {state} {now.isoformat()}".encode()).hexdigest()[:32]
    data = {
        "code": kind.code,
        "severity": kind.severity,
        "year": year,
        "title_zh": title_zh,
        "title_en": title_en,
        "what_zh": zh,
        "what_en": en,
        "since": since.isoformat(),
        "said_at": now.isoformat(),
        "touched": asdict(touched) | {"units": list(touched.units)},
        "next": command,
        "runbook": kind.runbook,
    }
    shown = {
        name: redact(value) if isinstance(value, str) else value for name, value in data.items()
    }
    return Message(identity, state, redact(subject), redact("\n".join(lines) + "\n"), shown)


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 1:
        return ""
    if minutes < 120:
        return f" ({minutes} min)"
    hours = minutes // 60
    return f" ({hours} h)" if hours < 72 else f" ({hours // 24} d)"


def _touched_zh(touched: Touched) -> str:
    names = {code: region.short_name for code, region in load_catalogue().regions.items()}
    counted = _COUNTED_ZH[touched.of]
    parts = [
        names.get(code, code) + (f" {count}" if count else "")
        for code, count in list(touched.provinces.items())[:_PROVINCES_NAMED]
    ]
    more = len(touched.provinces) - _PROVINCES_NAMED
    text = ""
    if parts:
        text = f"{len(touched.provinces)} 个省级单位：" + "、".join(parts)
        text += f" 等（另 {more} 个）" if more > 0 else ""
    if touched.total:
        text += ("；" if text else "") + f"共 {touched.total} {counted}"
    if touched.units:
        left = touched.total - len(touched.units[:_UNITS_NAMED])
        text += "：" + "、".join(touched.units[:_UNITS_NAMED]) + (" 等" if left > 0 else "")
    return text


def _touched_en(touched: Touched) -> str:
    provinces = len(touched.provinces)
    said = []
    if provinces:
        said.append(f"{provinces} province{'s' if provinces > 1 else ''}")
    if touched.total:
        said.append(f"{touched.total} {touched.of if touched.total > 1 else touched.of[:-1]}")
    return ", ".join(said)
