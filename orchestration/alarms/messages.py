"""Messages about conditions: what, since when, who is affected, and the command to run next.

Belongs here: a message's text in two languages and its JSON, without run configuration, stack
traces and contact data. Doesn't belong here: when a message is due (``ledger``).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from orchestration.alarms.conditions import Affected, Condition
from orchestration.alarms.kinds import NOTICE, SERVICE_FAILED, TEST, Kind
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.observing import redact

__all__ = ["Message", "condition_message", "notice", "service_failed", "test_message"]

#: Provinces and units that a message names, so that a mail fits one screen.
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
    """A message, as it is delivered.

    Attributes:
        id: derived from condition, state and time, so that a receiver can drop duplicates; it is
            the webhook's ``Idempotency-Key`` and part of the mail's Message-ID.
        state: ``alarm`` (the first message), ``still`` (each morning), ``over`` (resolved),
            ``notice`` or ``test``.
        subject: one line, Chinese and English.
        text: the message as plain text, Chinese and English.
        data: the message as JSON values.
    """

    id: str
    state: str
    subject: str
    text: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The JSON object that the webhook receives."""
        return {
            "id": self.id,
            "state": self.state,
            "subject": self.subject,
            "text": self.text,
            **self.data,
        }


def condition_message(
    condition: Condition,
    state: Literal["alarm", "still", "over"],
    since: datetime,
    now: datetime,
) -> Message:
    """Make a message about a condition.

    Args:
        since: start of the condition; aware, UTC.
        now: time of the message; aware, UTC.
    """
    kind = condition.kind
    resolved = state == "over"
    return _message(
        kind,
        state,
        condition.year,
        now,
        title_zh=kind.over_zh if resolved else kind.title_zh,
        title_en=kind.over_en if resolved else kind.title_en,
        zh=condition.zh,
        en=condition.en,
        since=since,
        affected=condition.affected,
        command="" if resolved else condition.command,
        key=condition.key,
    )


def notice(*, year: int, zh: str, en: str, affected: Affected, now: datetime) -> Message:
    """Make a message that is sent once and has no condition."""
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
        affected=affected,
        command="",
        key=f"{NOTICE.code}/{year}/{en}",
    )


def service_failed(service: str, now: datetime) -> Message:
    """Make the message that a service of systemd has failed."""
    return _message(
        SERVICE_FAILED,
        "alarm",
        None,
        now,
        title_zh=SERVICE_FAILED.title_zh,
        title_en=SERVICE_FAILED.title_en,
        zh=f"服务 {service} 执行失败，日志：journalctl --unit {service}",
        en=f"{service} has failed; its log: journalctl --unit {service}",
        since=now,
        affected=Affected(),
        command=SERVICE_FAILED.command,
        key=f"{SERVICE_FAILED.code}/{service}",
    )


def test_message(now: datetime) -> Message:
    """Make the message of ``tongbao alarm --test``."""
    return _message(
        TEST,
        "test",
        None,
        now,
        title_zh=TEST.title_zh,
        title_en=TEST.title_en,
        zh="这是一条测试消息：告警渠道可用，无需处理",
        en="this is a test: the channel works, no action is needed",
        since=now,
        affected=Affected(),
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
    affected: Affected,
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
    duration = _duration(now - since)
    who_zh, who_en = _affected_zh(affected), _affected_en(affected)
    rows = [
        ("情况 what", [zh, en]),
        ("起始 since", [f"{beijing} 北京时间 Beijing time{duration}"]),
        ("涉及 affected", [who_zh, who_en] if who_zh else []),
        ("处理 next", [command] if command else []),
        ("手册 runbook", [kind.runbook] if command else []),
    ]
    lines = [f"{of_zh}{title_zh}", f"{title_en}{of_en}", ""]
    for name, texts in rows:
        lines += [f"{name}:", *(f"  {text}" for text in texts)] if texts else []
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
        "touched": asdict(affected) | {"units": list(affected.units)},
        "next": command,
        "runbook": kind.runbook,
    }
    redacted = {
        name: redact(value) if isinstance(value, str) else value for name, value in data.items()
    }
    return Message(identity, state, redact(subject), redact("\n".join(lines) + "\n"), redacted)


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 1:
        return ""
    if minutes < 120:
        return f" ({minutes} min)"
    hours = minutes // 60
    return f" ({hours} h)" if hours < 72 else f" ({hours // 24} d)"


def _affected_zh(affected: Affected) -> str:
    names = {code: region.short_name for code, region in load_catalogue().regions.items()}
    counted = _COUNTED_ZH[affected.of]
    parts = [
        names.get(code, code) + (f" {count}" if count else "")
        for code, count in list(affected.provinces.items())[:_PROVINCES_NAMED]
    ]
    more = len(affected.provinces) - _PROVINCES_NAMED
    text = ""
    if parts:
        text = f"{len(affected.provinces)} 个省级单位：" + "、".join(parts)
        text += f" 等（另 {more} 个）" if more > 0 else ""
    if affected.total:
        text += ("；" if text else "") + f"共 {affected.total} {counted}"
    if affected.units:
        left = affected.total - len(affected.units[:_UNITS_NAMED])
        text += "：" + "、".join(affected.units[:_UNITS_NAMED]) + (" 等" if left > 0 else "")
    return text


def _affected_en(affected: Affected) -> str:
    provinces = len(affected.provinces)
    parts = []
    if provinces:
        parts.append(f"{provinces} province{'s' if provinces > 1 else ''}")
    if affected.total:
        parts.append(f"{affected.total} {affected.of if affected.total > 1 else affected.of[:-1]}")
    return ", ".join(parts)
