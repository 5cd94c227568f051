"""Alarms: when a condition is reported, its message, and delivery by the channels."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from orchestration.alarms import (
    KINDS,
    Affected,
    Condition,
    Message,
    RunState,
    Undelivered,
    conditions,
    configured_channels,
    ledger,
    messages,
)
from orchestration.alarms.kinds import GATE_BLOCKED
from orchestration.alarms.watching import _send_heartbeat, send_notice
from orchestration.core.errors import Unreachable, UsageError
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from tests.fixtures.proxy import forward_proxy
from tests.fixtures.receivers import Inbox, Mailbox, authority, mail_server, webhook_server

_NIGHT = datetime(2024, 12, 15, 6, 5, tzinfo=SHANGHAI).astimezone(UTC)
_GATE = Condition(
    GATE_BLOCKED,
    2024,
    _NIGHT,
    "全国按时报送率为41.67%（要求≥ 90%）",
    "on-time rate 41.67% (must be ≥ 90%)",
    Affected({"440000": 12, "110000": 3}, "units", ("示例学校（T05-440000-0007）",), 15),
    sign="on_time_rate",
)


def _resolved(_: str, __: str) -> bool:
    """Every condition is checked and resolved."""
    return True


def _states(settings: Settings, active: list[Condition], now: datetime) -> list[str]:
    """The states of the messages that are due."""
    return [m.state for m in ledger.update(settings, active, _resolved, ["webhook"], now)]


def test_every_kind_has_the_parts_of_a_message() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    for kind in KINDS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
        assert kind.title_zh
        assert kind.title_en
        assert kind.reason
        command = kind.command.format(year=2024, stage="run --year 2024")
        assert not command or command.startswith("tongbao ")


def test_a_condition_is_reported_once_each_morning_and_when_resolved(
    settings: Settings,
) -> None:
    assert _states(settings, [_GATE], _NIGHT) == ["alarm"]
    for minutes in (1, 60, 174):  # until 08:59
        assert _states(settings, [_GATE], _NIGHT + timedelta(minutes=minutes)) == []
    nine = datetime(2024, 12, 15, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)
    assert _states(settings, [_GATE], nine) == ["still"]
    assert _states(settings, [_GATE], nine + timedelta(hours=23, minutes=59)) == []
    assert _states(settings, [_GATE], nine + timedelta(hours=24)) == ["still"]
    assert _states(settings, [], nine + timedelta(hours=30)) == ["over"]
    assert _states(settings, [], nine + timedelta(hours=31)) == []


def test_a_condition_reported_at_half_past_eight_is_not_repeated_at_nine(
    settings: Settings,
) -> None:
    half_past = datetime(2024, 12, 15, 8, 30, tzinfo=SHANGHAI).astimezone(UTC)
    assert _states(settings, [_GATE], half_past) == ["alarm"]
    assert _states(settings, [_GATE], half_past + timedelta(minutes=31)) == []
    # The morning's repetition is due an hour after the first message.
    assert _states(settings, [_GATE], half_past + timedelta(minutes=60)) == ["still"]


def test_a_changed_cause_is_reported_at_once(settings: Settings) -> None:
    assert _states(settings, [_GATE], _NIGHT) == ["alarm"]
    other = replace(_GATE, sign="on_time_rate reconciles")
    assert _states(settings, [other], _NIGHT + timedelta(minutes=5)) == ["alarm"]
    assert _states(settings, [other], _NIGHT + timedelta(minutes=6)) == []


def test_a_condition_that_comes_and_goes_sends_few_messages(settings: Settings) -> None:
    states = []
    for minute in range(60):
        active = [_GATE] if minute % 2 == 0 else []
        states += _states(settings, active, _NIGHT + timedelta(minutes=minute))
    assert states == ["alarm", "over"]
    # The last message must not stay wrong.
    assert _states(settings, [_GATE], _NIGHT + timedelta(minutes=62)) == ["alarm"]


def test_a_short_outage_is_not_reported(settings: Settings) -> None:
    def out(minute: int) -> list[str]:
        now = _NIGHT + timedelta(minutes=minute)
        error = Unreachable("object storage http://s3: refused")
        return _states(settings, [conditions.unreachable_condition(error, now)], now)

    assert [out(minute) for minute in range(4)] == [[]] * 4
    assert _states(settings, [], _NIGHT + timedelta(minutes=4)) == []
    assert [out(minute) for minute in range(10, 15)] == [[]] * 5
    assert out(15) == ["alarm"]
    assert _states(settings, [], _NIGHT + timedelta(minutes=16)) == ["over"]


def test_a_condition_that_cannot_be_checked_stays_active(settings: Settings) -> None:
    assert _states(settings, [_GATE], _NIGHT) == ["alarm"]
    later = _NIGHT + timedelta(minutes=10)
    assert ledger.update(settings, [], lambda *_: False, ["webhook"], later) == []
    assert _states(settings, [], later) == ["over"]


def test_a_condition_that_is_no_longer_checked_ends_without_a_message(settings: Settings) -> None:
    """E.g. the year's corrections have closed, which doesn't mean that the gate passed."""
    assert _states(settings, [_GATE], _NIGHT) == ["alarm"]
    later = _NIGHT + timedelta(days=60)
    assert ledger.update(settings, [], lambda *_: None, ["webhook"], later) == []
    assert _states(settings, [], later) == []


def _run(state: str, minute: int, **more: object) -> RunState:
    at = _NIGHT + timedelta(minutes=minute)
    return RunState(**{"job": "collect", "year": 2024, "run_id": "r", "state": state, "at": at}
                    | more)  # type: ignore[arg-type]  # fmt: skip


def test_a_failed_run_is_active_until_a_later_run_succeeds() -> None:
    failed = _run("failed", 0, step="intake", error="Unreachable: object storage http://s3")
    now = _NIGHT + timedelta(hours=1)
    [condition] = conditions.run_conditions([failed], now).active
    assert condition.command == "tongbao run --year 2024 --until transform"
    assert "step intake (run r): Unreachable: object storage http://s3" in condition.en
    of_another = _run("done", 5, job="rehearse_year")
    of_another_year = _run("done", 5, year=2023)
    found = conditions.run_conditions([failed, of_another, of_another_year], now)
    assert [each.key for each in found.active] == ["run-failed/2024/collect"]
    for good in (_run("done", 5), _run("done", 5, job="national_year")):
        found = conditions.run_conditions([failed, good], now)
        assert found.active == []
        assert condition.key in found.inactive
    assert conditions.run_conditions([failed, _run("done", -5, job="national_year")], now).active
    # A blocked gate is a condition of the gate, not of the run.
    assert conditions.run_conditions([replace(failed, blocked=True)], now).active == []


def test_a_run_that_does_not_end_is_reported() -> None:
    run = _run("under way", 0)
    assert conditions.run_conditions([run], _NIGHT + timedelta(hours=2, seconds=-1)).active == []
    [condition] = conditions.run_conditions([run], _NIGHT + timedelta(hours=2)).active
    assert condition.kind.code == "run-stuck"


def test_a_message_has_condition_start_affected_units_and_command() -> None:
    message = messages.condition_message(_GATE, "still", _NIGHT, _NIGHT + timedelta(hours=3))
    assert message.subject == (
        "[通报 Tongbao] 仍未解决·紧急 2024年质量门禁未通过，通报暂不发布 / "
        "still: the gate blocks publication (2024)"
    )
    for line in (
        "  全国按时报送率为41.67%（要求≥ 90%）",
        "  on-time rate 41.67% (must be ≥ 90%)",
        "  2024-12-15 06:05 北京时间 Beijing time (3 h)",
        "  2 个省级单位：广东 12、北京 3；共 15 个单位：示例学校（T05-440000-0007） 等",
        "  2 provinces, 15 units",
        "  tongbao gate --year 2024",
        "  infra/runbook.md#gate-blocked",
    ):
        assert line in message.text.splitlines(), message.text
    assert message.as_json()["touched"]["provinces"] == {"440000": 12, "110000": 3}
    # The same condition, state and time give the same message and id.
    assert message == messages.condition_message(
        _GATE, "still", _NIGHT, _NIGHT + timedelta(hours=3)
    )


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this process trusts."""
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
    return messages.condition_message(_GATE, "alarm", _NIGHT, _NIGHT)


def _from(**environ: str) -> Settings:
    return Settings.from_env(environ)


def _mail(url: str, to: str = "on-duty@example.cn, 处长 <head@example.cn>") -> Settings:
    return _from(
        TONGBAO_SMTP_URL=url, TONGBAO_MAIL_FROM="Tongbao <tongbao@example.cn>", TONGBAO_MAIL_TO=to
    )


def test_the_webhook_gets_json_with_an_idempotency_key(inbox: Inbox) -> None:
    [channel] = configured_channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
    inbox.answers = [503, 200]  # The second attempt succeeds.
    channel.send(_message())
    assert len(inbox.requests) == 2
    assert [headers["idempotency-key"] for headers, _ in inbox.requests] == [_message().id] * 2
    assert inbox.bodies[1] == _message().as_json()


@pytest.mark.parametrize(
    ("answers", "tries", "reason"),
    [([500, 502], 2, "answered 502"), ([404], 1, "answered 404"), ([302], 1, "answered 302")],
)
def test_a_webhook_that_answers_with_an_error(
    inbox: Inbox, answers: list[int], tries: int, reason: str
) -> None:
    [channel] = configured_channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
    inbox.answers = answers
    with pytest.raises(Undelivered, match=reason) as caught:
        channel.send(_message())
    assert len(inbox.requests) == tries
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "name", "good", "refused"),
    [
        (
            "/cgi-bin/webhook/send?key=the-token",
            "wecom",
            {"errcode": 0, "errmsg": "ok"},
            {"errcode": 93000, "errmsg": "invalid webhook url"},
        ),
        (
            "/robot/send?access_token=the-token",
            "dingtalk",
            {"errcode": 0, "errmsg": "ok"},
            {"errcode": 310000, "errmsg": "keywords not in content"},
        ),
        (
            "/open-apis/bot/v2/hook/the-token",
            "feishu",
            {"StatusCode": 0, "code": 0, "msg": "success"},
            {"code": 9499, "msg": "Bad Request", "data": {}},
        ),
    ],
)
def test_the_robot_of_a_messenger(
    ca: trustme.CA, path: str, name: str, good: dict[str, Any], refused: dict[str, Any]
) -> None:
    with webhook_server(ca, path) as inbox:
        [channel] = configured_channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
        assert channel.name == name
        inbox.reply = json.dumps(good).encode()
        channel.send(_message())
        long = replace(_message(), text="通报" * 20_000)
        channel.send(long)
        texts = [(body.get("text") or body["content"]) for body in inbox.bodies]
        first, cut = (text.get("content") or text["text"] for text in texts)
        assert first == f"{_message().subject}\n{_message().text}"
        assert cut.startswith(f"{long.subject}\n通报")
        assert cut.endswith("…")
        limit = 2_048 if name == "wecom" else 18_000
        assert limit - 3 < len(cut.encode()) <= limit
        # It answers 200 and refuses the message, or something else answers.
        for reply, reason in ((json.dumps(refused).encode(), "refused: "), (b"<html>", "robot")):
            inbox.reply = reply
            with pytest.raises(Undelivered, match=reason) as caught:
                channel.send(_message())
            assert "token" not in str(caught.value)


def test_a_webhook_beyond_a_proxy(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has a name that no name server knows; the proxy leads to it."""
    with webhook_server(ca) as inbox, forward_proxy(urlsplit(inbox.url).port or 0) as proxy:
        with_user = proxy.url.replace("//", "//office:the%2Fproxy%2Fpassword@")
        monkeypatch.setenv("HTTPS_PROXY", with_user)
        [channel] = configured_channels(_from(TONGBAO_WEBHOOK_URL="https://hook.example/the-token"))
        channel.connect()
        channel.send(_message())
        assert [line.split()[:2] for line in proxy.requests] == [
            ["CONNECT", "hook.example:443"]
        ] * 2
        assert inbox.bodies == [_message().as_json()]
        proxy.refuses = True
        for call in (channel.connect, lambda: channel.send(_message())):
            with pytest.raises(Undelivered, match="403") as caught:
                call()
            assert "password" not in str(caught.value)
            assert "token" not in str(caught.value)


def test_several_webhooks_are_channels_of_their_own(inbox: Inbox, tmp_path: Path) -> None:
    robot = "https://oapi.dingtalk.com/robot/send?access_token=the-token"
    settings = _from(
        TONGBAO_HOME=str(tmp_path), TONGBAO_WEBHOOK_URL=f"{inbox.url} {inbox.url}\n{robot}"
    )
    names = [channel.name for channel in configured_channels(settings)]
    assert names == ["webhook", "webhook-2", "dingtalk"]
    assert "access_token=the-token" in settings.secrets
    with pytest.raises(UsageError) as caught:
        _from(TONGBAO_WEBHOOK_URL=f"{inbox.url} ftp://x.cn/the-token")
    assert "token" not in str(caught.value)


def test_each_check_calls_the_dead_mans_switch(
    inbox: Inbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = _from(TONGBAO_HOME=str(tmp_path), TONGBAO_HEARTBEAT_URL=inbox.url)
    inbox.answers = [200, 503]
    _send_heartbeat(settings)
    assert len(inbox.requests) == 1
    assert "heartbeat" not in caplog.text
    _send_heartbeat(settings)  # A switch that doesn't answer stops no check.
    assert len(inbox.requests) == 2
    assert "the heartbeat was not delivered" in caplog.text
    assert "token" not in caplog.text


def test_a_webhook_with_an_untrusted_certificate(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [channel] = configured_channels(_from(TONGBAO_WEBHOOK_URL=inbox.url))
    with pytest.raises(Undelivered, match="certificate") as caught:
        channel.send(_message())
    assert "token" not in str(caught.value)
    assert inbox.requests == []


def test_a_failed_service_is_reported_on_every_channel(inbox: Inbox, tmp_path: Path) -> None:
    settings = _from(TONGBAO_HOME=str(tmp_path), TONGBAO_WEBHOOK_URL=inbox.url)
    send_notice(settings, messages.service_failed("tongbao-backup.service", _NIGHT))
    [body] = inbox.bodies
    assert (body["code"], body["severity"]) == ("service-failed", "critical")
    assert "journalctl --unit tongbao-backup.service" in body["what_zh"]


def test_a_plain_text_mail_to_all_recipients(mailbox: Mailbox) -> None:
    [channel] = configured_channels(_mail(mailbox.url))
    channel.send(_message())
    [letter] = mailbox.letters
    assert mailbox.recipients == [["on-duty@example.cn", "head@example.cn"]]
    assert letter["subject"] == _message().subject
    assert letter["message-id"] == f"<{_message().id}@tongbao>"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().splitlines() == _message().text.splitlines()


def test_a_mail_server_that_refuses_the_login(mailbox: Mailbox) -> None:
    [channel] = configured_channels(_mail(mailbox.url.replace("the-mail-password", "another-word")))
    with pytest.raises(Undelivered, match="535") as caught:
        channel.send(_message())
    assert "another-word" not in str(caught.value)
    assert mailbox.letters == []


def test_a_mail_server_with_an_untrusted_certificate(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [channel] = configured_channels(_mail(mailbox.url))
    with pytest.raises(Undelivered, match="certificate"):
        channel.send(_message())
    assert mailbox.letters == []


@pytest.mark.parametrize(
    "environ",
    [
        {"TONGBAO_WEBHOOK_URL": "http://example.cn/secret-path"},
        {"TONGBAO_WEBHOOK_URL": "ftp://secret-path"},
        {"TONGBAO_HEARTBEAT_URL": "http://example.cn/secret-path"},
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
def test_an_invalid_setting_is_named_and_not_quoted(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="TONGBAO_") as caught:
        _from(**environ)
    assert "secret-path" not in str(caught.value)


def test_printed_settings_have_no_secrets() -> None:
    found = replace(
        _mail("smtp://alarms:the%2Fmail@mail.example.cn"), webhook_urls=("https://x.cn/the-token",)
    )
    assert found.mail is not None
    assert found.mail.password == "the/mail"
    assert "the/mail" not in repr(found)
    assert "the-token" not in repr(found)
    assert {"the/mail", "the-token"} <= set(found.secrets)


def test_a_message_waits_until_its_channel_accepts_it(settings: Settings) -> None:
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

    ledger.update(settings, [_GATE], _resolved, ["webhook", "mail"], _NIGHT)
    assert deliver(0) == (1, ["mail: no answer"])
    ledger.update(settings, [], _resolved, ["webhook", "mail"], _NIGHT + timedelta(minutes=1))
    assert deliver(1) == (1, ["mail: no answer"])
    assert ledger.undelivered(settings) == [
        f"mail: 2 not delivered since {_NIGHT.isoformat()}: no answer"
    ]
    down.clear()
    assert deliver(2) == (2, [])
    assert deliver(3) == (0, [])
    assert [state for channel, state in took if channel == "webhook"] == ["alarm", "over"]
    assert [state for channel, state in took if channel == "mail"] == ["alarm", "over"]


def test_request_paths_are_not_logged(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 logs paths at DEBUG; a webhook's path is a secret."""
    from orchestration.observing import configure_logs

    found = _from(TONGBAO_WEBHOOK_URL=inbox.url)
    configure_logs(found)
    with caplog.at_level(logging.DEBUG):
        configured_channels(found)[0].send(_message())
    assert inbox.requests
    assert "the-webhook-token" not in caplog.text


def test_a_clock_that_was_set_back_delays_no_message(settings: Settings) -> None:
    future = replace(_GATE, since=_NIGHT + timedelta(days=400))
    assert _states(settings, [future], _NIGHT) == ["alarm"]
