"""Fictitious names and sentences: cities, institutions, typical experience.

City names are real, so that pages look realistic. Every institution has 示例 (example) in its name,
and contacts can be nobody's: telephone numbers begin with zeros, and addresses are under
``example.invalid`` (RFC 2606).

Belongs here: names and texts. Doesn't belong here: units (``world``) and numbers (``values``).
"""

from __future__ import annotations

from orchestration.demo.draws import Draw

__all__ = ["CITIES", "WEIGHTS", "city_of", "contact_of", "highlight_of", "lead_of", "unit_name_of"]

#: Province → some of its cities or districts.
CITIES: dict[str, tuple[str, ...]] = {
    "110000": ("海淀区", "昌平区", "通州区", "大兴区", "顺义区"),
    "120000": ("津南区", "西青区", "滨海新区", "北辰区"),
    "130000": ("石家庄市", "唐山市", "保定市", "邯郸市", "沧州市", "廊坊市"),
    "140000": ("太原市", "大同市", "长治市", "晋中市", "临汾市"),
    "150000": ("呼和浩特市", "包头市", "鄂尔多斯市", "赤峰市"),
    "210000": ("沈阳市", "大连市", "鞍山市", "锦州市", "营口市"),
    "220000": ("长春市", "吉林市", "四平市", "延吉市"),
    "230000": ("哈尔滨市", "齐齐哈尔市", "大庆市", "牡丹江市"),
    "310000": ("浦东新区", "闵行区", "松江区", "嘉定区", "临港新片区"),
    "320000": ("南京市", "苏州市", "无锡市", "常州市", "南通市", "徐州市", "扬州市"),
    "330000": ("杭州市", "宁波市", "温州市", "金华市", "绍兴市", "台州市"),
    "340000": ("合肥市", "芜湖市", "蚌埠市", "马鞍山市", "安庆市"),
    "350000": ("福州市", "厦门市", "泉州市", "漳州市", "宁德市"),
    "360000": ("南昌市", "九江市", "赣州市", "宜春市", "上饶市"),
    "370000": ("济南市", "青岛市", "烟台市", "潍坊市", "淄博市", "日照市", "威海市"),
    "410000": ("郑州市", "洛阳市", "开封市", "许昌市", "新乡市", "南阳市"),
    "420000": ("武汉市", "宜昌市", "襄阳市", "黄石市", "荆州市"),
    "430000": ("长沙市", "株洲市", "湘潭市", "岳阳市", "衡阳市"),
    "440000": ("广州市", "深圳市", "佛山市", "东莞市", "珠海市", "惠州市", "中山市"),
    "450000": ("南宁市", "柳州市", "桂林市", "北海市"),
    "460000": ("海口市", "三亚市", "儋州市"),
    "500000": ("沙坪坝区", "永川区", "江津区", "万州区", "璧山区"),
    "510000": ("成都市", "绵阳市", "德阳市", "宜宾市", "泸州市", "南充市"),
    "520000": ("贵阳市", "遵义市", "毕节市", "铜仁市"),
    "530000": ("昆明市", "曲靖市", "玉溪市", "大理市"),
    "540000": ("拉萨市", "日喀则市", "林芝市"),
    "610000": ("西安市", "咸阳市", "宝鸡市", "渭南市", "汉中市"),
    "620000": ("兰州市", "天水市", "武威市", "酒泉市"),
    "630000": ("西宁市", "海东市", "格尔木市"),
    "640000": ("银川市", "石嘴山市", "吴忠市"),
    "650000": ("乌鲁木齐市", "昌吉市", "克拉玛依市", "库尔勒市", "喀什市"),
    "660000": ("石河子市", "阿拉尔市", "五家渠市"),
}

#: Province → its relative number of units, about its share of vocational students.
WEIGHTS: dict[str, int] = {
    "110000": 24, "120000": 22, "130000": 48, "140000": 30, "150000": 22, "210000": 32,
    "220000": 20, "230000": 24, "310000": 26, "320000": 66, "330000": 52, "340000": 42,
    "350000": 36, "360000": 38, "370000": 68, "410000": 62, "420000": 44, "430000": 46,
    "440000": 72, "450000": 36, "460000": 12, "500000": 32, "510000": 54, "520000": 28,
    "530000": 30, "540000": 6, "610000": 34, "620000": 22, "630000": 8, "640000": 10,
    "650000": 20, "660000": 8,
}  # fmt: skip

_FIELDS = (
    "智能制造", "轨道交通", "新能源汽车", "现代农业", "电子信息", "医药健康", "建筑工程",
    "现代物流", "数字商贸", "文化旅游", "航空装备", "船舶海工", "新材料", "工业机器人",
    "装备制造", "护理康养",
    "食品工程", "生态环保", "化工安全", "集成电路",
)  # fmt: skip
_SCHOOLS = ("职业技术学院", "职业技术大学", "职业学院", "中等职业学校", "技师学院")
_ORDINALS = ("第一", "第二", "第三", "第四", "第五", "第六", "第七", "第八", "第九", "第十")
_COURSES = (
    "数控加工技术", "电气控制与PLC", "护理学基础", "汽车检测与维修", "网络安全运维", "财务数字化",
    "工业机器人编程", "建筑信息模型应用", "园艺生产技术", "跨境电商实务", "食品检测技术",
    "焊接工艺",
)  # fmt: skip
_PRODUCTS = {
    "standard": "专业教学标准",
    "resource": "双语教学资源包",
    "equipment": "教学实训装备",
}


def city_of(province_code: str, draw: Draw) -> str:
    """A random city of the province."""
    return draw.one(CITIES.get(province_code, ("示例市",)))


def lead_of(task_code: str, city: str, draw: Draw) -> tuple[str, str]:
    """Name and type of a fictitious lead organisation."""
    place = city.removesuffix("市")
    kind = draw.below(10)
    if task_code == "T01" and kind < 4:
        return f"{place}示例产业园区管理委员会", "industrial_park"
    if task_code in {"T02", "T09"} and kind < 3:
        return f"{place}示例{draw.one(_FIELDS)}有限公司", "enterprise"
    if task_code == "T02" and kind == 3:
        return f"示例{draw.one(_FIELDS)}行业协会", "industry_association"
    school = f"{place}示例{draw.one(_FIELDS)}{draw.one(_SCHOOLS)}"
    return school, "vocational_school"


def unit_name_of(task_code: str, category: str | None, city: str, lead: str, draw: Draw) -> str:
    """The name of a unit of a task."""
    place, field = city.removesuffix("市"), draw.one(_FIELDS)
    ordinal = draw.one(_ORDINALS)
    match task_code:
        case "T01":
            return f"{place}示例{field}市域产教联合体"
        case "T02":
            return f"示例{field}行业产教融合共同体（{place}{ordinal}）"
        case "T03":
            return f"{place}示例{field}开放型区域产教融合实践中心"
        case "T04":
            return f"{lead}{field}专业教学资源库"
        case "T06":
            return f"{lead}{field}虚拟仿真实训基地"
        case "T07":
            return f"《{draw.one(_COURSES)}》（{lead}）"
        case "T08":
            return f"《{draw.one(_COURSES)}（{ordinal}版）》（{lead}）"
        case "T09":
            return f"{lead}{field}典型生产实践项目"
        case "T10":
            return f"{lead}{field}{_PRODUCTS.get(category or '', '国际化成果')}"
        case _:
            return lead


def contact_of(unit_code: str) -> dict[str, str]:
    """A contact that can be nobody's."""
    number = unit_code.rpartition("-")[2]
    return {
        "name": f"示例联络员{number}",
        "phone": f"000-0000-{number[-4:]}",
        "email": f"{unit_code.lower()}@example.invalid",
    }


_OPENINGS = (
    "聚焦{field}产业链需求，", "围绕服务区域{field}发展，", "坚持产教融合、科教融汇，",
    "对接{field}龙头企业，", "面向{field}岗位群变化，", "立足{city}产业布局，",
)  # fmt: skip
_ACTIONS = (
    "与企业共建“双导师”教学团队，", "把真实生产任务引入课堂，", "建立校企人员双向流动机制，",
    "按“一岗一单元”重构课程内容，", "推行“校中厂、厂中校”轮训模式，", "建设开放共享的实训平台，",
    "以数字化手段改进教学评价，", "联合开发活页式、工作手册式资源，",
)  # fmt: skip
_RESULTS = (
    "学生岗位适应期由{a}个月缩短到{b}个月。", "全年服务企业{c}家，解决技术难题{b}项。",
    "形成可复制的案例{b}个，在省内{a}所院校推广。", "带动{c}名学生在真实项目中完成实训。",
    "毕业生留在本地就业的比例明显提高。", "相关做法在全省职业教育工作会议上作了交流。",
)  # fmt: skip


def highlight_of(city: str, draw: Draw) -> str:
    """A paragraph of typical experience (典型经验)."""
    field = draw.one(_FIELDS)
    text = draw.one(_OPENINGS) + draw.one(_ACTIONS) + draw.one(_ACTIONS) + draw.one(_RESULTS)
    return text.format(
        field=field,
        city=city,
        a=draw.between(5, 9),
        b=draw.between(2, 4),
        c=draw.between(10, 180),
    )
