"""Descriptions of an edition's open data for data catalogues, search engines and citations.

Belongs here: ``metadata/dcat.jsonld`` (W3C DCAT 3 and schema.org in one JSON-LD document, readable
without a remote context) and ``CITATION.cff`` (Citation File Format 1.2.0). Doesn't belong here:
the data package (``package``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from orchestration.bulletin.open_data.dataset import (
    COVERAGE_EN,
    COVERAGE_ZH,
    LICENCE,
    ORGAN_EN,
    SOURCE,
    Dataset,
)

__all__ = ["citation_cff", "dcat_jsonld"]

_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_IANA = "https://www.iana.org/assignments/media-types/"
_COUNTRY = "http://publications.europa.eu/resource/authority/country/CHN"
#: Addresses in the document are relative to its own, ``metadata/dcat.jsonld``.
_EDITION = "../"


def _in_both(chinese: str, english: str) -> list[dict[str, str]]:
    return [
        {"@value": chinese, "@language": "zh"},
        {"@value": english, "@language": "en"},
    ]


def _typed(value: str, kind: str) -> dict[str, str]:
    return {"@value": value, "@type": f"xsd:{kind}"}


def _distribution(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file of the data package as a distribution."""
    address = {"@id": f"{_EDITION}data/{resource['path']}"}
    named = _in_both(resource["description"], resource["description_en"])
    return {
        "@id": f"{_EDITION}data/{resource['path']}#distribution",
        "@type": ["dcat:Distribution", "schema:DataDownload"],
        "dct:title": resource["path"],
        "dct:description": named,
        "dcat:accessURL": address,
        "dcat:downloadURL": address,
        "dcat:mediaType": {"@id": _IANA + resource["mediatype"]},
        "dcat:byteSize": _typed(str(resource["bytes"]), "nonNegativeInteger"),
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": _typed(resource["hash"].removeprefix("sha256:"), "hexBinary"),
        },
        "dct:license": {"@id": LICENCE["path"]},
        "schema:name": resource["path"],
        "schema:description": named,
        "schema:contentUrl": address,
        "schema:encodingFormat": resource["mediatype"],
        "schema:contentSize": str(resource["bytes"]),
        "schema:sha256": resource["hash"].removeprefix("sha256:"),
    }


def dcat_jsonld(dataset: Dataset, resources: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the edition's description as JSON-LD.

    Args:
        resources: the entries of the data package.
    """
    year = dataset.year
    title = _in_both(dataset.title, dataset.title_en)
    description = _in_both(dataset.description_zh, dataset.description_en)
    publisher = {
        "@id": "#publisher",
        "@type": ["foaf:Agent", "schema:GovernmentOrganization"],
        "foaf:name": _in_both(dataset.organ, ORGAN_EN),
        "schema:name": _in_both(dataset.organ, ORGAN_EN),
    }
    licence = {"@id": LICENCE["path"]}
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@id": _EDITION,
        "@type": ["dcat:Dataset", "schema:Dataset"],
        "dct:identifier": dataset.address,
        "dct:title": title,
        "dct:description": description,
        "dct:language": ["zh", "en"],
        "dct:publisher": publisher,
        "dct:license": licence,
        "dct:source": SOURCE,
        "dct:spatial": {
            "@id": _COUNTRY,
            "@type": "dct:Location",
            "rdfs:label": _in_both(COVERAGE_ZH, COVERAGE_EN),
        },
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _typed(f"{year}-01-01", "date"),
            "dcat:endDate": _typed(f"{year}-12-31", "date"),
        },
        "dct:created": _typed(dataset.counts_until.isoformat(), "dateTime"),
        "dcat:version": dataset.version,
        "schema:name": title,
        "schema:description": description,
        "schema:identifier": dataset.address,
        "schema:creator": {"@id": "#publisher"},
        "schema:publisher": {"@id": "#publisher"},
        "schema:license": licence,
        "schema:version": dataset.version,
        "schema:dateCreated": dataset.counts_until.isoformat(),
        "schema:temporalCoverage": f"{year}-01-01/{year}-12-31",
        "schema:spatialCoverage": COVERAGE_ZH,
        "schema:isAccessibleForFree": True,
        "schema:inLanguage": ["zh", "en"],
    }
    if dataset.issued:
        document["dct:issued"] = _typed(dataset.issued.isoformat(), "date")
        document["schema:datePublished"] = dataset.issued.isoformat()
    if dataset.edition > 1:
        former = {"@id": f"../../edition-{dataset.edition - 1}/"}
        document["dcat:previousVersion"] = former
        document["dct:replaces"] = former
    distributions = [_distribution(each) for each in resources]
    document["dcat:distribution"] = distributions
    document["schema:distribution"] = [{"@id": each["@id"]} for each in distributions]
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def citation_cff(dataset: Dataset) -> bytes:
    """Return how the edition is to be cited."""
    citation: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": f"引用本数据请注明版次：第{dataset.edition}版。Please cite the edition.",
        "type": "dataset",
        "title": dataset.title,
        "abstract": dataset.title_en,
        "authors": [{"name": dataset.organ}],
        "version": dataset.version,
        "license": LICENCE["name"],
        "identifiers": [
            {
                "type": "other",
                "value": dataset.address,
                "description": "发布存储桶中的永久路径 / permanent path in the publication bucket",
            }
        ],
    }
    if dataset.issued:
        citation["date-released"] = dataset.issued.isoformat()
    return yaml.safe_dump(citation, allow_unicode=True, sort_keys=False, width=1000).encode()
