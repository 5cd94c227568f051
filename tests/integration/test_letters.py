"""Letters to those who submit: who gets one, why, how often, and that no address leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.message import EmailMessage
from mailbox import mbox
from pathlib import Path

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import TongbaoError, UsageError
from orchestration.core.settings import Settings
from orchestration.receipts.digests import province_digests
from orchestration.telling import ToldSummary
from tests.conftest import Tongbao, leave_out_settings
from tests.fixtures.homes import Shared
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress
from tests.fixtures.receivers import Mailbox, authority, mail_server

REJECTED, FAULTY, RETURNED, FINE, NOBODY, MENDED = (
    f"T05-440000-{number:04d}" for number in range(1, 7)
)
#: Both units have one contact.
SHARED = "two.units@example.invalid"
READERS = "https://tongbao.example.invalid/"


def _at(day: int) -> datetime:
    return datetime.fromisoformat(f"2024-11-{day:02d}T08:00:00+08:00")


@dataclass
class Office:
    """A small year whose letters are sent to a mail server."""

    ws: stages.Workspace
    mailbox: Mailbox

    def at(self, day: int, **settings: object) -> stages.Workspace:
        own = replace(self.ws.settings, fixed_now=_at(day), **settings)  # type: ignore[arg-type]
        return replace(self.ws, settings=own)

    def tell(self, day: int, **settings: object) -> ToldSummary:
        return stages.tell(self.at(day, **settings), 2024, run_id="r", progress=no_progress)

    def execute(self, statement: str) -> None:
        """Run a statement, as if the letters before had told something else."""
        with lakehouse.writer(self.ws.settings, self.ws.store) as con:
            con.execute(statement)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Path:
    """A home with the documents taken in and their receipts written."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_settings(patch)
        settings = shared.settings(tmp_path_factory.mktemp("letters") / "home", _at(10))
        with stages.open_workspace(settings) as ws:
            _send_documents(Landing(ws.store))
            for stage in (stages.intake, stages.transform, stages.receipts):
                stage(ws, 2024, run_id="r", progress=no_progress)
    return settings.home


@pytest.fixture
def office(
    taken_in: Path, shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    ca, path = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    provinces = tmp_path / "provinces.csv"
    provinces.write_text("province_code,email\n440000,guangdong@example.invalid\n")
    with mail_server(ca) as mailbox:
        configured = Settings.from_env(
            {
                "TONGBAO_SMTP_URL": mailbox.url,
                "TONGBAO_MAIL_FROM": "tongbao@example.invalid",
                "TONGBAO_MAIL_TO": "duty@example.invalid",
                "TONGBAO_TELL": "on",
                "TONGBAO_PUBLICATION_URL": READERS,
                "TONGBAO_PROVINCE_ADDRESSES": str(provinces),
            }
        )
        settings = replace(
            shared.copy(taken_in, tmp_path / "home"),
            mail=configured.mail,
            tell=configured.tell,
            publication_url=configured.publication_url,
            province_addresses=configured.province_addresses,
        )
        with stages.open_workspace(settings) as ws:
            yield Office(ws, mailbox)


def _send_documents(landing: Landing) -> None:
    for unit in (REJECTED, FAULTY):
        landing.unit(unit, email=SHARED)
    landing.unit(RETURNED, email="returned@example.invalid")
    landing.unit(FINE, email="fine@example.invalid")
    landing.unit(NOBODY, email="x@example.invalid, y@example.invalid")
    landing.performance(REJECTED, {"C_04": 1}, report=None, year=2024, unit_name="不该有的字段")
    landing.put(
        f"performance/year=2024/province=440000/{REJECTED}-second.json",
        {"document_type": "performance", "unit_code": REJECTED, "year": 2024},
    )
    for unit in (FAULTY, NOBODY):
        landing.performance(unit, {"C_04": 1, "C_09": "约300"}, report=None)
    returned = landing.performance(RETURNED, {"C_04": 1}, report=None)
    landing.document(
        "return",
        province="440000",
        unit_code=RETURNED,
        returns_document_id=returned.rpartition("/")[2].removesuffix(".json"),
        reason="请核对经费",
        due_on="2024-11-20",
        submitted_at="2024-11-02T09:00:00+08:00",
    )
    landing.performance(FINE, {"C_04": 1}, report=None)
    # A document without errors has taken the place of one with an error.
    landing.unit(MENDED, email="mended@example.invalid")
    landing.performance(MENDED, {"C_09": "约300"}, report=None)
    landing.performance(MENDED, {"C_04": 1}, report=None, submitted_at="2024-11-03T09:00:00+08:00")
    # Another province's document about this unit is no matter of the unit's.
    landing.performance(FINE, {"C_04": 2}, report=None, province="110000")


def _text(letter: EmailMessage) -> str:
    body = letter.get_body()
    assert isinstance(body, EmailMessage)
    return str(body.get_content())


@pytest.mark.slow
def test_contacts_and_provinces_are_told_once_a_day_and_only_news(office: Office) -> None:
    dry = office.tell(10, tell="dry-run")
    assert not dry.sends
    assert office.mailbox.letters == []
    done = office.tell(10)
    assert done.outcomes == {"sent": 3}
    assert done.unaddressed == (NOBODY,)
    by_address = dict(
        zip((each[0] for each in office.mailbox.recipients), office.mailbox.letters, strict=True)
    )
    assert sorted(by_address) == ["guangdong@example.invalid", "returned@example.invalid", SHARED]
    text = _text(by_address[SHARED])
    folder = f"{READERS}receipts/year=2024/province=440000/"
    assert f"{REJECTED} 示例单位0001\n· 有材料未被接收\n" in text
    assert f"{FAULTY} 示例单位0002\n· 有填报内容存在错误，未被采用\n回执：{folder}" in text
    assert "约300" not in text
    assert "（修改期限：2024年11月20日）" in _text(by_address["returned@example.invalid"])
    digest = by_address["guangdong@example.invalid"]
    [attached] = digest.iter_attachments()
    stored = office.ws.store.get("publication", "receipts/year=2024/province=440000/digest.xlsx")
    assert attached.get_content() == stored

    # Nothing new on the same day and on the next one.
    assert office.tell(10).outcomes == {}
    assert office.tell(11).outcomes == {}
    other = "update lake.publication.letters set state_digest = 'other', documents_digest = 'other'"
    office.execute(f"{other} where unit_code = '{FAULTY}' or unit_code is null")
    assert office.tell(11).outcomes == {"sent": 2}
    # What is new after that day's letter to the same contact, and of the digest, waits.
    office.execute(f"{other} where unit_code = '{REJECTED}' or unit_code is null")
    later = office.tell(11)
    assert (later.postponed, later.outcomes) == (1, {})
    assert office.tell(12).outcomes == {"sent": 2}


@pytest.mark.slow
def test_a_change_of_the_rules_is_told(office: Office) -> None:
    office.tell(10)
    sent = len(office.mailbox.letters)
    # The documents are the same, and under other rules one problem less stands.
    office.execute(
        "update lake.publication.letters set figures_version = 'before', state_digest = 'other' "
        f"where unit_code in ('{FAULTY}', '{FINE}')"
    )
    assert office.tell(11).outcomes == {"sent": 2}
    texts = "".join(_text(each) for each in office.mailbox.letters[sent:])
    assert f"{FINE} 示例单位0004\n· 核对规则有调整，填报情况随之变化\n" in texts
    assert "· 有填报内容存在错误，未被采用\n· 核对规则有调整" in texts


@pytest.mark.slow
def test_what_does_not_arrive_is_listed_and_what_is_broken_off_comes_later(
    office: Office, tmp_path: Path
) -> None:
    office.mailbox.refused = {
        "returned@example.invalid": "550 5.1.1 <returned@example.invalid> unknown",
        SHARED: "450 4.2.0 <two.units@example.invalid> greylisted",
    }
    assert office.tell(10).outcomes == {"refused": 1, "failed": 1, "sent": 1}
    office.mailbox.refused = {}
    assert office.tell(10).outcomes == {}  # Not twice a day.
    assert office.tell(11).outcomes == {"sent": 1}
    box = mbox(tmp_path / "returned.mbox")
    box.add(_delivery_report(office.mailbox.letters[-1], "5.2.1"))
    box.add(_delivery_report(office.mailbox.letters[-1], "4.0.0", action="delayed"))
    box.close()
    found = stages.bounces(office.at(12), 2024, tmp_path / "returned.mbox")
    assert {each.unit_code: (each.outcome, each.code) for each in found} == {
        REJECTED: ("bounced", "5.2.1"),
        FAULTY: ("bounced", "5.2.1"),
        RETURNED: ("refused", "550"),
        NOBODY: ("unaddressed", ""),
    }
    with lakehouse.reader(office.ws.settings, office.ws.store) as con:
        [digest] = [
            each
            for each in province_digests(con, 2024, date(2024, 11, 12))
            if each.province_code == "440000"
        ]
    assert [row["remark"][:5] for row in digest.lists["unreached"]] == [
        "邮件被退回", "邮件被退回", "邮件服务器", "登记信息中"
    ]  # fmt: skip

    # A process that dies while sending leaves letters without an outcome.
    office.execute("update lake.publication.letters set outcome = 'sending', detail = null")
    office.execute(f"delete from lake.publication.letters where unit_code = '{NOBODY}'")
    with pytest.raises(TongbaoError, match="were not sent, the next day tries again"):
        office.tell(12, mail=replace(office.ws.settings.mail, port=1))  # type: ignore[type-var]
    assert office.tell(12).outcomes == {}
    assert office.tell(13).outcomes == {"sent": 3}


def _delivery_report(letter: EmailMessage, status: str, action: str = "failed") -> EmailMessage:
    report = EmailMessage()
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report.set_content("It could not be delivered.")
    part = EmailMessage()
    part["Content-Type"] = "message/delivery-status"
    block = EmailMessage()
    block["Action"], block["Status"] = action, status
    part.set_payload([block])
    report.make_mixed()
    report.attach(part)
    headers = EmailMessage()
    headers["Content-Type"] = "text/rfc822-headers"
    headers.set_payload(f"Message-ID: {letter['message-id']}\n")
    report.attach(headers)
    report.replace_header(
        "Content-Type",
        report["Content-Type"].replace("multipart/mixed", "multipart/report"),
    )
    return report


@pytest.mark.slow
def test_no_address_leaves_the_process_that_sends(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="orchestration")
    office.mailbox.refused = {SHARED: f"550 5.1.1 <{SHARED}> unknown"}
    lines: list[str] = []
    done = stages.tell(office.at(10), 2024, run_id="r", progress=lines.append)
    said = [repr(done), json.dumps(done.as_json()), *done.lines, *lines, caplog.text]
    with lakehouse.reader(office.ws.settings, office.ws.store) as con:
        said.append(repr(con.execute("select * from lake.publication.letters").fetchall()))
    assert "example.invalid" not in "".join(said).replace(READERS, "")
    # Nor does a folder of the home.
    files = [
        each for each in office.ws.settings.home.rglob("*.sqlite*") if "catalog" not in each.name
    ]
    assert not any(SHARED.encode() in each.read_bytes() for each in files)


@pytest.mark.slow
def test_letters_are_off_by_default_and_name_the_setting_that_is_missing(office: Office) -> None:
    assert Settings.from_env({}).tell == "off"
    for settings, message in (
        ({"tell": "off"}, "letters are off"),
        ({"publication_url": None}, "TONGBAO_PUBLICATION_URL is not set"),
        ({"mail": None}, "TONGBAO_SMTP_URL"),
    ):
        with pytest.raises(UsageError, match=message):
            office.tell(10, **settings)  # type: ignore[arg-type]
    path = office.ws.settings.province_addresses
    assert path is not None
    path.write_text("province_code,email\n440000,secret@example.invalid;b\n")
    with pytest.raises(UsageError, match="line 2") as caught:
        office.tell(10)
    assert "secret" not in str(caught.value)
    assert office.mailbox.letters == []


def test_listing_bounces_writes_nothing_and_says_that_there_are_none(
    tongbao: Tongbao, settings: Settings
) -> None:
    nothing = tongbao("bounces", "--year", "2024")
    assert (nothing.returncode, Path(settings.catalog).exists()) == (4, False)
    with stages.open_workspace(settings) as ws, lakehouse.writer(settings, ws.store) as con:
        lakehouse.ensure_tables(con)
        before = lakehouse.current_snapshot(con)
    done = tongbao("bounces", "--year", "2024")
    with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
        assert lakehouse.current_snapshot(con) == before
    assert (done.returncode, done.stdout) == (
        0,
        "letters 2024: none is known to have missed its receiver\n",
    )
