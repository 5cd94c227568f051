"""Alarms: when a condition is said, how it reads, and what the channels do with it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from orchestration.alarms import (
    KINDS,
    Condition,
    Message,
    RunState,
    Touched,
    Undelivered,
    channels,
    conditions,
    ledger,
    messages,
)
from orchestration.alarms.kinds import GATE_BLOCKED
from orchestration.core.errors import Unreachable, UsageError
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from tests.fixtures.receivers import Inbox, Mailbox, authority, mail_server, webhook_server

_NIGHT = datetime(2024, 12, 15, 6, 5, tzinfo=SHANGHAI).astimezone(UTC)
_GATE = Condition(
    GATE_BLOCKED,
    2024,
    _NIGHT,
    "全国按时上报率为41.67%（要求≥ 90%）",
    "on-time rate 41.67% (must be ≥ 90%)",
    Touched({"440000": 12, "110000": 3}, "units", ("示例学校（T05-440000-0007）",), 15),
    sign="on_time_rate",
)


def _over(_: str, __: str) -> bool:
    """All is looked at."""
    return True


def _said(settings: Settings, standing: list[Condition], now: datetime) -> list[str]:
    return [m.state for m in ledger.settle(settings, standing, _over, ["webhook"], now)]


def test_every_kind_has_what_a_message_needs() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    for kind in KINDS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
        assert kind.title_zh
        assert kind.title_en
        assert kind.reason
        command = kind.command.format(year=2024, stage="run --year 2024")
        assert not command or command.startswith("tongbao ")


def test_a_condition_is_said_once_then_each_morning_and_when_it_is_over(
    settings: Settings,
) -> None:
    assert _said(settings, [_GATE], _NIGHT) == ["alarm"]
    for minutes in (1, 60, 174):  # until 08:59
        assert _said(settings, [_GATE], _NIGHT + timedelta(minutes=minutes)) == []
    nine = datetime(2024, 12, 15, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)
    assert _said(settings, [_GATE], nine) == ["still"]
    assert _said(settings, [_GATE], nine + timedelta(hours=23, minutes=59)) == []
    assert _said(settings, [_GATE], nine + timedelta(hours=24)) == ["still"]
    assert _said(settings, [], nine + timedelta(hours=30)) == ["over"]
    assert _said(settings, [], nine + timedelta(hours=31)) == []


def test_what_was_said_at_half_past_eight_is_not_repeated_at_nine(settings: Settings) -> None:
    half_past = datetime(2024, 12, 15, 8, 30, tzinfo=SHANGHAI).astimezone(UTC)
    assert _said(settings, [_GATE], half_past) == ["alarm"]
    assert _said(settings, [_GATE], half_past + timedelta(minutes=31)) == []
    # It is this morning's repetition that is due, an hour after it was said.
    assert _said(settings, [_GATE], half_past + timedelta(minutes=60)) == ["still"]


def test_another_reason_is_said_at_once(settings: Settings) -> None:
    assert _said(settings, [_GATE], _NIGHT) == ["alarm"]
    other = replace(_GATE, sign="on_time_rate reconciles")
    assert _said(settings, [other], _NIGHT + timedelta(minutes=5)) == ["alarm"]
    assert _said(settings, [other], _NIGHT + timedelta(minutes=6)) == []


def test_a_condition_that_comes_and_goes_is_no_storm(settings: Settings) -> None:
    said = []
    for minute in range(60):
        standing = [_GATE] if minute % 2 == 0 else []
        said += _said(settings, standing, _NIGHT + timedelta(minutes=minute))
    assert said == ["alarm", "over"]
    # The last word must not stay a wrong one.
    assert _said(settings, [_GATE], _NIGHT + timedelta(minutes=62)) == ["alarm"]


def test_a_short_outage_needs_nobody(settings: Settings) -> None:
    def out(minute: int) -> list[str]:
        now = _NIGHT + timedelta(minutes=minute)
        error = Unreachable("object storage http://s3: refused")
        return _said(settings, [conditions.unreachable(error, now)], now)

    assert [out(minute) for minute in range(4)] == [[]] * 4
    assert _said(settings, [], _NIGHT + timedelta(minutes=4)) == []
    assert [out(minute) for minute in range(10, 15)] == [[]] * 5
    assert out(15) == ["alarm"]
    assert _said(settings, [], _NIGHT + timedelta(minutes=16)) == ["over"]


def test_what_cannot_be_judged_is_not_said_to_be_over(settings: Settings) -> None:
    assert _said(settings, [_GATE], _NIGHT) == ["alarm"]
    later = _NIGHT + timedelta(minutes=10)
    assert ledger.settle(settings, [], lambda *_: False, ["webhook"], later) == []
    assert _said(settings, [], later) == ["over"]


def test_what_nobody_looks_at_any_more_goes_without_a_word(settings: Settings) -> None:
    """The year's corrections have closed: the gate has not passed for that."""
    assert _said(settings, [_GATE], _NIGHT) == ["alarm"]
    later = _NIGHT + timedelta(days=60)
    assert ledger.settle(settings, [], lambda *_: None, ["webhook"], later) == []
    assert _said(settings, [], later) == []


def _run(state: str, minute: int, **more: object) -> RunState:
    at = _NIGHT + timedelta(minutes=minute)
    return RunState(**{"job": "collect", "year": 2024, "run_id": "r", "state": state, "at": at}
                    | more)  # type: ignore[arg-type]  # fmt: skip


def test_a_failed_run_stands_until_one_makes_it_good() -> None:
    failed = _run("failed", 0, step="intake", error="Unreachable: object storage http://s3")
    now = _NIGHT + timedelta(hours=1)
    [condition] = conditions.of_runs([failed], now).standing
    assert condition.command == "tongbao run --year 2024 --until transform"
    assert "step intake (run r): Unreachable: object storage http://s3" in condition.en
    of_another = _run("done", 5, job="rehearse_year")
    of_another_year = _run("done", 5, year=2023)
    found = conditions.of_runs([failed, of_another, of_another_year], now)
    assert [each.key for each in found.standing] == ["run-failed/2024/collect"]
    for good in (_run("done", 5), _run("done", 5, job="national_year")):
        found = conditions.of_runs([failed, good], now)
        assert found.standing == []
        assert condition.key in found.over
    assert conditions.of_runs([failed, _run("done", -5, job="national_year")], now).standing
    # A blocked gate is the gate's condition.
    assert conditions.of_runs([replace(failed, blocked=True)], now).standing == []


def test_a_run_that_does_not_end() -> None:
    run = _run("under way", 0)
    assert conditions.of_runs([run], _NIGHT + timedelta(hours=2, seconds=-1)).standing == []
    [condition] = conditions.of_runs([run], _NIGHT + timedelta(hours=2)).standing
    assert condition.kind.code == "run-stuck"


def test_a_message_says_what_since_when_who_and_what_next() -> None:
    said = messages.of_condition(_GATE, "still", _NIGHT, _NIGHT + timedelta(hours=3))
    assert said.subject == (
        "[通报 Tongbao] 仍未解决·紧急 2024年质量门禁未通过，通报暂不发布 / "
        "still: the gate blocks publication (2024)"
    )
    for line in (
        "  全国按时上报率为41.67%（要求≥ 90%）",
        "  on-time rate 41.67% (must be ≥ 90%)",
        "  2024-12-15 06:05 北京时间 Beijing time (3 h)",
        "  2 个省级单位：广东 12、北京 3；共 15 个单位：示例学校（T05-440000-0007） 等",
        "  2 provinces, 15 units",
        "  tongbao gate --year 2024",
        "  infra/runbook.md#gate-blocked",
    ):
        assert line in said.text.splitlines(), said.text
    assert said.as_json()["touched"]["provinces"] == {"440000": 12, "110000": 3}
    # The same thing said at the same time is the same message, whoever makes it.
    assert said == messages.of_condition(_GATE, "still", _NIGHT, _NIGHT + timedelta(hours=3))


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this process trusts."""
    made, path = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return made


@pytest.fixture
def inbox(ca: trustme.CA) -> Iterator[Inbox]:
    with webhook_server(ca) as opened:
        yield opened


@pytest.fixture
def mailbox(ca: trustme.CA) -> Iterator[Mailbox]:
    with mail_server(ca) as opened:
        yield opened


def _message() -> Message:
    return messages.of_condition(_GATE, "alarm", _NIGHT, _NIGHT)


def _from(**environ: str) -> Settings:
    return Settings.from_env(environ)


def _mail(url: str, to: str = "on-duty@example.cn, 处长 <head@example.cn>") -> Settings:
    return _from(
        TONGBAO_SMTP_URL=url, TONGBAO_MAIL_FROM="Tongbao <tongbao@example.cn>", TONGBAO_MAIL_TO=to
    )


def test_the_webhook_gets_json_with_an_idempotency_key(inbox: Inbox) -> None:
    [way] = channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
    inbox.answers = [503, 200]  # the second try is taken
    way.send(_message())
    assert len(inbox.requests) == 2
    assert [headers["idempotency-key"] for headers, _ in inbox.requests] == [_message().id] * 2
    assert inbox.bodies[1] == _message().as_json()


@pytest.mark.parametrize(
    ("answers", "tries", "said"),
    [([500, 502], 2, "answered 502"), ([404], 1, "answered 404"), ([302], 1, "answered 302")],
)
def test_a_webhook_that_does_not_take_it(
    inbox: Inbox, answers: list[int], tries: int, said: str
) -> None:
    [way] = channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
    inbox.answers = answers
    with pytest.raises(Undelivered, match=said) as caught:
        way.send(_message())
    assert len(inbox.requests) == tries
    assert "token" not in str(caught.value)


def test_a_webhook_that_nobody_vouches_for(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [way] = channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
    with pytest.raises(Undelivered, match="certificate") as caught:
        way.send(_message())
    assert "token" not in str(caught.value)
    assert inbox.requests == []


def test_a_mail_in_plain_text_to_all(mailbox: Mailbox) -> None:
    [way] = channels(_mail(mailbox.url))
    way.send(_message())
    [letter] = mailbox.letters
    assert mailbox.recipients == [["on-duty@example.cn", "head@example.cn"]]
    assert letter["subject"] == _message().subject
    assert letter["message-id"] == f"<{_message().id}@tongbao>"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().splitlines() == _message().text.splitlines()


def test_a_mail_server_that_refuses_the_login(mailbox: Mailbox) -> None:
    [way] = channels(_mail(mailbox.url.replace("the-mail-password", "another-word")))
    with pytest.raises(Undelivered, match="535") as caught:
        way.send(_message())
    assert "another-word" not in str(caught.value)
    assert mailbox.letters == []


def test_a_mail_server_that_nobody_vouches_for(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [way] = channels(_mail(mailbox.url))
    with pytest.raises(Undelivered, match="certificate"):
        way.send(_message())
    assert mailbox.letters == []


@pytest.mark.parametrize(
    "environ",
    [
        {"TONGBAO_WEBHOOK_URL": "http://example.cn/secret-path"},
        {"TONGBAO_WEBHOOK_URL": "ftp://secret-path"},
        {"TONGBAO_WEBHOOK_URL": "https://[secret-path"},
        {"TONGBAO_SMTP_URL": "smtp://u:secret-path@mail.cn"},
        {
            "TONGBAO_SMTP_URL": "http://u:secret-path@mail.cn",
            "TONGBAO_MAIL_FROM": "a@b.cn",
            "TONGBAO_MAIL_TO": "c@d.cn",
        },
        {
            "TONGBAO_SMTP_URL": "smtp://u:secret-path@mail.cn:x",
            "TONGBAO_MAIL_FROM": "a@b.cn",
            "TONGBAO_MAIL_TO": "c@d.cn",
        },
        {
            "TONGBAO_SMTP_URL": "smtp://u:secret-path@mail.cn",
            "TONGBAO_MAIL_FROM": "a@b.cn",
            "TONGBAO_MAIL_TO": "nobody",
        },
        {"TONGBAO_LOG_FORMAT": "xml"},
    ],
)
def test_a_wrong_setting_is_said_and_not_repeated(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="TONGBAO_") as caught:
        _from(**environ)
    assert "secret-path" not in str(caught.value)


def test_secrets_are_not_in_the_settings_as_printed() -> None:
    found = replace(
        _mail("smtp://alarms:the%2Fmail@mail.example.cn"), webhook_url="https://x.cn/the-token"
    )
    assert found.mail is not None
    assert found.mail.password == "the/mail"
    assert "the/mail" not in repr(found)
    assert "the-token" not in repr(found)
    assert {"the/mail", "the-token"} <= set(found.secrets)


def test_a_message_waits_until_its_channel_takes_it(settings: Settings) -> None:
    """One channel is down, the other is not; nothing is sent twice, nothing is lost."""
    took: list[tuple[str, str]] = []
    down = {"mail"}

    def send(channel: str, message: Message) -> str | None:
        if channel in down:
            return "no answer"
        took.append((channel, message.state))
        return None

    def deliver(minute: int) -> tuple[int, list[str]]:
        now = _NIGHT + timedelta(minutes=minute)
        return ledger.deliver(settings, ["webhook", "mail"], send, now)

    ledger.settle(settings, [_GATE], _over, ["webhook", "mail"], _NIGHT)
    assert deliver(0) == (1, ["mail: no answer"])
    ledger.settle(settings, [], _over, ["webhook", "mail"], _NIGHT + timedelta(minutes=1))
    assert deliver(1) == (1, ["mail: no answer"])
    assert ledger.waiting(settings) == [
        f"mail: 2 not delivered since {_NIGHT.isoformat()}: no answer"
    ]
    down.clear()
    assert deliver(2) == (2, [])
    assert deliver(3) == (0, [])
    assert [state for channel, state in took if channel == "webhook"] == ["alarm", "over"]
    assert [state for channel, state in took if channel == "mail"] == ["alarm", "over"]


def test_no_request_line_is_logged(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 writes paths at DEBUG; a webhook's path is its password."""
    from orchestration.observing import configure_logs

    found = _from(TONGBAO_WEBHOOK_URL=inbox.url)
    configure_logs(found)
    with caplog.at_level(logging.DEBUG):
        channels(found)[0].send(_message())
    assert inbox.requests
    assert "the-webhook-token" not in caplog.text


def test_a_clock_that_was_set_back_keeps_nobody_waiting(settings: Settings) -> None:
    future = replace(_GATE, since=_NIGHT + timedelta(days=400))
    assert _said(settings, [future], _NIGHT) == ["alarm"]
