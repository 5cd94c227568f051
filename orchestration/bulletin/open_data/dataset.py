"""The data set of an edition: what all of its descriptions say about it.

Belongs here: title, publisher, licence, coverage, version. Doesn't belong here: how a standard
writes them (``package``, ``catalogues``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from orchestration.bulletin.wording import ORGAN
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import period_of

__all__ = ["COVERAGE_EN", "COVERAGE_ZH", "LICENCE", "ORGAN_EN", "SOURCE", "Dataset"]

ORGAN_EN = (
    "Department of Vocational and Adult Education, Ministry of Education of the People's "
    "Republic of China"
)
LICENCE = {
    "name": "CC-BY-4.0",
    "title": "Creative Commons Attribution 4.0",
    "path": "https://creativecommons.org/licenses/by/4.0/",
}
SOURCE = (
    "教育部办公厅关于加快推进现代职业教育体系建设改革重点任务的通知"
    "（教职成厅函〔2023〕20号）：建设单位和省级教育行政部门按年度报送的数据"
)
COVERAGE_ZH = "中国大陆31个省、自治区、直辖市和新疆生产建设兵团"
COVERAGE_EN = "31 provinces of mainland China and the Xinjiang Production and Construction Corps"
_DESCRIPTION_ZH = (
    "CSV为UTF-8（有BOM）、RFC 4180（换行为LF）；缺失值为空，缺失不等于零；金额单位为{money}；"
    "以_rate结尾的列和attainment为小数；时间为UTC（带时区）。CSV中以= + - @、制表符或换行开头、"
    "可能被电子表格当作公式执行的文字前加了一个撇号（纯数字除外），Parquet为原文。"
    "名称、典型经验等文字中的电话、邮箱和身份证号码已略去。"
)
_DESCRIPTION_EN = (
    "CSV is UTF-8 with BOM, RFC 4180 with LF at the end of lines; a missing value is an empty "
    "field without quotes and is not zero; money is in {money} (10,000 yuan); columns that end in "
    "_rate and attainment are fractions; times are UTC, with the zone. In CSV a text that begins "
    "with = + - @, a tab or a line break, which a spreadsheet might run, has a leading apostrophe "
    "(plain numbers don't); Parquet holds the text itself. Telephone numbers, e-mail addresses and "
    "ID numbers in names, highlights and other texts are struck out."
)


@dataclass(frozen=True)
class Dataset:
    """What the descriptions of an edition's open data say.

    Attributes:
        edition: number of the edition.
        counts_until: the time until which documents count, with time zone. It stands for the time
            of creation: no byte of an edition depends on the clock.
        is_synthetic: whether the year has synthetic documents.
    """

    year: int
    edition: int
    counts_until: datetime
    is_synthetic: bool

    @property
    def version(self) -> str:
        """Year and edition as a semantic version, e.g. ``2024.1.0``."""
        return f"{self.year}.{self.edition}.0"

    @property
    def address(self) -> str:
        """The permanent path of the edition in the publication bucket."""
        return f"editions/{self.year}/edition-{self.edition}/"

    @property
    def title(self) -> str:
        """The title in Chinese; it says whether the data is synthetic."""
        title = f"{self.year}年度现代职业教育体系建设改革重点任务数据"
        return f"{title}（合成数据，非真实填报）" if self.is_synthetic else title

    @property
    def title_en(self) -> str:
        """The title in English."""
        title = f"Key tasks of the reform of the vocational education system, data of {self.year}"
        return f"{title} (synthetic data)" if self.is_synthetic else title

    @property
    def description_zh(self) -> str:
        """How the files are to be read, in Chinese."""
        return _DESCRIPTION_ZH.format(money=load_catalogue().money_unit)

    @property
    def description_en(self) -> str:
        """How the files are to be read, in English."""
        return _DESCRIPTION_EN.format(money=load_catalogue().money_unit)

    @property
    def issued(self) -> date | None:
        """The day of publication in the calendar; None for a correction, which has no set day."""
        return period_of(self.year).publication_date if self.edition == 1 else None

    @property
    def organ(self) -> str:
        """The publisher in Chinese."""
        return ORGAN
