"""Contacts are struck out of free text; numbers, dates and codes are left."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.core.contacts import MAY_HOLD_CONTACT, STRUCK, struck, struck_id

CONTACTS = [
    "13800138000",
    "138 0013 8000",
    "138-0013-8000",
    "1380013 8000",
    "138.0013.8000",
    "1380 0138 000",
    "138—0013—8000",
    "１３８００１３８０００",
    "138　0013　8000",
    "+86 13800138000",
    "＋８６－１３８００１３８０００",
    "008613800138000",
    "010-66096114",
    "010 6609 6114",
    "(010)66096114",
    "（０１０）６６０９６１１４",
    "0755－8310 1234转808",
    "0755-83101234-",
    "+86-10-66096114",
    "400-810-1234",
    "wang.li@example.edu.cn",
    "Wang＠example．com",
    "44010619900101123X",
    "440106199001011234",
    "440106 19900101 123x",
    "４４０１０６１９９００１０１１２３Ｘ",
    "138·0013·8000",
    "138\u200b0013\u200b8000",
    "010-66096114/66096115",
    "+852 2345 6789",
    "00886-2-2345-6789",
    "wang @ example.com",
    "1 3 8 0 0 1 3 8 0 0 0",
    "1-3-8-0-0-1-3-8-0-0-0",
    "一三八〇〇一三八〇〇〇",
    "幺三八零零幺三八零零零",
    "一三八 零零一三 八零零零",
    "138零零一三八零零零",
    "1三8零0一3八0零0",
    "零一零－六六〇九六一一四",
    "wang at b.cn",
    "wang(at)b.cn",
    "wang（at）b.cn",
    "wang [AT] example [DOT] com",
    "wang【at】example.com",
    "wang#163.com",
    "wang艾特qq点com",
    "wang@b。cn",
    "wang @ b . com",
    "0755-8310 1234 分机808",
    "010-66096114-1234",
    "010-66096114#12",
    "400 810 1234",
    "01012345678",
    "138/0013/8000",
    "壹叁捌零零壹叁捌零零零",
    "零壹零陆陆零玖陆壹壹肆",
]


@pytest.mark.parametrize("contact", CONTACTS)
@pytest.mark.parametrize("around", ["{}", "约300，请联系王老师{}", "联系：{}。", "{}王", "a:{} b"])
def test_a_contact_is_struck_out(contact: str, around: str) -> None:
    dash = "-" if contact.endswith("-") else ""
    assert struck(around.format(contact)) == around.format(STRUCK + dash)


def test_an_address_with_a_name_for_its_local_part() -> None:
    assert struck("请发：王老师@qq.com。") == f"请发：{STRUCK}。"
    assert struck("请联系欧阳老师＠example.edu.cn") == f"请联系{STRUCK}"


def test_all_of_several_and_those_after_a_word() -> None:
    assert struck("13800138000、010-66096114或a@b.cn") == f"{STRUCK}、{STRUCK}或{STRUCK}"
    assert struck("Tel.13800138000, No.010-66096114") == f"Tel.{STRUCK}, No.{STRUCK}"
    assert struck("TEL:66096114 phone 6609 6114") == f"TEL{STRUCK} phone{STRUCK}"
    assert struck("办公电话：66096114，座机 6609-6114") == f"办公电话{STRUCK}，座机{STRUCK}"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("QQ：12345678", "QQ"),
        ("QQ群 123456789", "QQ"),
        ("加qq12345678", "加qq"),
        ("ＱＱ：１２３４５６７８", "ＱＱ"),
        ("微信：wang_li2020", "微信"),
        ("微信号wangli-88", "微信"),
        ("微信号是 66096114", "微信"),
        ("VX:wang_li", "VX"),
        ("WeChat: wang_li", "WeChat"),
        ("电话六六〇九六一一四", "电话"),
        ("微信abc_123", "微信"),
        ("加微信 wangli88", "加微信"),
        ("V信：wang_li", "V信"),
        ("热线4008101234", "热线"),
        ("服务热线：66096114", "服务热线"),
        ("身份证号：440106990101123", "身份证"),
        ("护照号 EA1234567", "护照"),
        ("联系方式：66096114", "联系方式"),
    ],
)
def test_an_account_or_number_after_its_word(text: str, label: str) -> None:
    assert struck(f"请联系王老师，{text}。") == f"请联系王老师，{label}{STRUCK}。"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "约300",
        "2024-12-15T10:00:00+08:00",
        "培训20241215人次",
        "投入1380013.8000万元",
        "合计113800138000元",
        "13800138000.5",
        "0.13800138000",
        "110000;120000;130000",
        "T05-440000-0007",
        "T05_12=1000;C_04=350",
        "2023-2024-2025",
        "attachments/year=2024/province=440000/T05-440000-0007/r.pdf",
        "/targets/2024/C_04",
        "填报!F12",
        "10000000000.5",
        "1 234 567 890",
        "+12 345 678",
        "123456789012345678",
        "1,380,013,800",
        "66096114",
        "@",
        "a@b",
        "微信@学校",
        "微信、QQ 10000人次",
        "微信 platform 访问 12000 次",
        "微信公众号：zhijiao",
        "QQ空间访问量 12345 次",
        "look at www.moe.gov.cn",
        "grew at 3.5",
        "C#4.0",
        "二〇二四年十二月十五日",
        "一九四九一〇〇一",
        "一、二、三、四、五、六、七、八、九、十",
        "一三五七九",
        "第一三八组，二零二三至二零二四学年",
        "共一千三百八十万零一百三十八元",
        "人民币壹佰叁拾捌万零壹佰叁拾捌元整",
        "关注@教育部",
        "课件150_2024_1215.pdf",
        "2023/2024/2025",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "2024 1500 1800 1900",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "0138001380001380013800013800138000138001380001380013800013800138",
        "三〇一三〇五〇六",
        "教职成厅函〔2023〕20号",
        "编号0101234567",
        "400-500-600人",
        "800-1000-1200",
        "微信H5页面12个",
        "统一社会信用代码91440101MA5CL0AX1X",
        "ISBN 978-7-04-056789-1",
        "身份证阅读机具120台",
        "护照办理1200人次",
        "热线服务12345人次",
        "服务a@b。Next step",
    ],
)
def test_anything_else_is_left(text: str) -> None:
    assert struck(text) == text


def test_an_id_may_look_like_a_telephone_number() -> None:
    assert struck_id("13800138000") == "13800138000"
    assert struck_id("form-0755.83101234") == "form-0755.83101234"
    assert struck_id("王老师13800138000") == f"王老师{STRUCK}"
    assert struck_id("a@b.cn") == STRUCK


def test_hostile_text_costs_no_more_than_its_length() -> None:
    """A pattern that tried each place anew would take minutes."""
    for text in (
        "a" * 300_000,
        "1" * 300_000,
        "1 " * 150_000,
        "a.a@" * 75_000,
        "0" * 300_000,
        "a @ " * 90_000,
        "a at " * 60_000,
        "a at b" + ".c" * 150_000,
        "a(at)" * 60_000,
        "一三" * 150_000,
        "1 " * 150_000 + "一",
        "1 3 " * 75_000,
        "微信号" * 100_000,
        "qq" * 150_000,
    ):
        struck(text)


@pytest.mark.parametrize("around", ["{}", "报表{}.xlsx", "a:{} b"])
def test_the_pattern_for_sql_finds_every_text_with_a_contact(around: str) -> None:
    texts = [around.format(contact) for contact in CONTACTS]
    texts += [around.format("办公电话：6609-6114"), around.format("Tel.66096114")]
    texts += [around.format(text) for text in ("QQ：12345678", "微信号wangli-88", "VX:wang_li")]
    with duckdb.connect() as con:
        query = "select text from (select unnest(?) as text) where not regexp_matches(text, ?)"
        assert con.execute(query, [texts, MAY_HOLD_CONTACT]).fetchall() == []
        # A key as a platform makes it needs no further look.
        key = "performance/year=2024/province=110000/performance-2024-T05-110000-0001-1.json"
        assert con.execute(query, [[key], MAY_HOLD_CONTACT]).fetchall() == [(key,)]
