"""The codebooks of what a request is about, how it came in and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nyc311_assets.local.feed.rows import Codebook
from nyc311_assets.local.feed.synthetic.volumes import Unit

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

DETAILS = 6
_OUTCOMES = 9
_CLOSED_TEXTS = 3
_NEVER_HOURS = np.inf
_ZIP_GROUPS, _OTHER_ZIP_GROUP = {"NYPD": 0, "HPD": 1}, 2


class Choices:
    """Weighted choices, one list of weights for each of several groups."""

    def __init__(self, weights: Floats) -> None:
        cumulative = np.cumsum(weights, axis=1)
        cumulative /= cumulative[:, -1:]
        # Group g's shares lie between g and g + 1: one search serves all groups.
        self._flat = (cumulative + np.arange(len(weights))[:, None]).ravel()
        self._width = weights.shape[1]

    def pick(self, groups: Int64s, uniform: Floats) -> Int64s:
        """One choice for each group number, by a uniform number in [0, 1)."""
        found: Int64s = np.searchsorted(self._flat, groups + uniform, side="right")
        within: Int64s = np.minimum(found - groups * self._width, self._width - 1)
        return within


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the columns can say.

    Attributes:
        subjects: Entries unit * DETAILS + detail: agency, type, descriptor, location.
        details: Picks a detail for a unit.
        agency_of_unit: Number of each unit's agency.
        zip_group_of_agency: Which ZIP shares an agency's requests follow: 0 police, 1 housing,
            2 all others.
        same_agency: For each unit, another of its agency, to which it can be reclassified.
        channels: Entries of open_data_channel_type.
        channel_choices: Picks a channel for an agency.
        kind_choices: Picks the kind of address for an agency.
        outcomes: Entries agency * 9 + variant: status and resolution_description; variants 0 to 2
            are closed, 3 to 8 open.
        closed_choices: Picks a closed variant for an agency.
        open_choices: Picks an open variant, from 0, for an agency.
        closing_hours: Hours until closing at 21 quantiles, per unit; infinite where never.
    """

    subjects: Codebook
    details: Choices
    agency_of_unit: Int64s
    zip_group_of_agency: Int64s
    same_agency: Int64s
    channels: Codebook
    channel_choices: Choices
    kind_choices: Choices
    outcomes: Codebook
    closed_choices: Choices
    open_choices: Choices
    closing_hours: Floats

    def outcome(self, agencies: Int64s, variants: Int64s) -> Int64s:
        """Entry of a variant."""
        return agencies * _OUTCOMES + variants


def vocabulary(units: Sequence[Unit], figures: Mapping[str, Any]) -> Vocabulary:
    """Build the codebooks from the measured table."""
    agencies: Mapping[str, Mapping[str, Any]] = figures["agencies"]
    codes = list(agencies)
    agency_of_unit = np.array([codes.index(unit.agency) for unit in units])
    same_agency = np.array(
        [_next_of_agency(agency_of_unit, number) for number in range(len(units))]
    )
    channels = sorted({name for record in agencies.values() for name, _ in record["channels"]})
    kinds = np.array([figures["kinds"][code][:5] for code in codes])
    return Vocabulary(
        subjects=_subjects(units, figures),
        details=Choices(_detail_weights(figures["units"])),
        agency_of_unit=agency_of_unit,
        zip_group_of_agency=np.array([_ZIP_GROUPS.get(code, _OTHER_ZIP_GROUP) for code in codes]),
        same_agency=same_agency,
        channels=Codebook({"open_data_channel_type": pa.array(channels)}),
        channel_choices=Choices(
            np.array(
                [
                    [dict(record["channels"]).get(name, 0) for name in channels]
                    for record in agencies.values()
                ],
                dtype=np.float64,
            )
        ),
        kind_choices=Choices(kinds / kinds.sum(axis=1, keepdims=True)),
        outcomes=_outcomes(list(agencies.values())),
        closed_choices=Choices(
            np.array([_weights(record["closed_text"]) for record in agencies.values()])
        ),
        open_choices=Choices(
            np.array(
                [
                    np.outer(_weights(r["open_status"])[:2], _weights(r["open_text"])).ravel()
                    for r in agencies.values()
                ]
            )
        ),
        closing_hours=np.array(
            [
                [
                    _NEVER_HOURS if hours is None else hours
                    for hours in record.get(
                        "closing_hours", agencies[record["agency"]]["closing_hours"]
                    )
                ]
                for record in figures["units"]
            ]
        ),
    )


def _next_of_agency(agency_of_unit: Int64s, unit: int) -> int:
    """The next unit of the same agency, in a circle; itself if it is the only one."""
    of_agency = np.flatnonzero(agency_of_unit == agency_of_unit[unit])
    return int(of_agency[(np.searchsorted(of_agency, unit) + 1) % len(of_agency)])


def _weights(choices: Sequence[Sequence[Any]]) -> list[float]:
    weights = [float(count) for _, count in choices]
    return [*weights, *([0.0] * (_CLOSED_TEXTS - len(weights)))]


def _values(choices: Sequence[Sequence[Any]]) -> list[str | None]:
    values = [value for value, _ in choices]
    return [*values, *([None] * (_CLOSED_TEXTS - len(values)))]


def _detail_weights(units: Sequence[Mapping[str, Any]]) -> Floats:
    weights = np.zeros((len(units), DETAILS))
    for number, record in enumerate(units):
        counts = [count for _, _, count in record["details"]]
        weights[number, : len(counts)] = counts
    return weights


def _subjects(units: Sequence[Unit], figures: Mapping[str, Any]) -> Codebook:
    columns: dict[str, list[str | None]] = {
        name: []
        for name in (
            "agency",
            "agency_name",
            "complaint_type",
            "descriptor",
            "location_type",
            "facility_type",
            "park_facility_name",
        )
    }
    for unit, record in zip(units, figures["units"], strict=True):
        agency = figures["agencies"][unit.agency]
        details = [*record["details"], *([(None, None, 0)] * (DETAILS - len(record["details"])))]
        for descriptor, location_type, _ in details:
            entry = (
                unit.agency,
                agency["name"],
                unit.complaint_type,
                descriptor,
                location_type,
                agency["facility"],
                "Unspecified",
            )
            for values, value in zip(columns.values(), entry, strict=True):
                values.append(value)
    return Codebook({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _outcomes(agencies: Sequence[Mapping[str, Any]]) -> Codebook:
    statuses: list[str | None] = []
    texts: list[str | None] = []
    for record in agencies:
        statuses += ["Closed"] * _CLOSED_TEXTS
        texts += _values(record["closed_text"])
        open_statuses = _values(record["open_status"])[:2]
        for status in open_statuses:
            statuses += [status or "Open"] * _CLOSED_TEXTS
            texts += _values(record["open_text"])
    return Codebook(
        {"status": pa.array(statuses), "resolution_description": pa.array(texts, pa.string())}
    )
