"""From names to columns, with every type checked, so that only sound queries are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from nyc311_assets.local.feed.rows import COLUMN_TYPES, FIELD_TYPES, SYSTEM_TYPES
from nyc311_assets.local.feed.soql.errors import (
    AggregateInUngroupedContext,
    DuplicateAlias,
    NoSuchColumn,
    NoSuchFunction,
    NotInGroupBy,
    TypeMismatch,
)
from nyc311_assets.local.feed.soql.functions import (
    AGGREGATES,
    FUNCTIONS,
    PATTERN_FUNCTIONS,
    Function,
    ValueType,
    parse_timestamp,
)
from nyc311_assets.local.feed.soql.syntax import Call, Constant, Expression, Name, Query


@dataclass(frozen=True, slots=True)
class BoundConstant:
    """A literal in the type that its place needs."""

    type: ValueType
    value: pa.Scalar


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A column of the rows; of grouped rows, `@key…` or `@aggregate…`."""

    type: ValueType
    name: str


@dataclass(frozen=True, slots=True)
class BoundCall:
    """A function over single rows."""

    type: ValueType
    function: str
    arguments: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """A function over groups; `count/*` has no argument."""

    type: ValueType
    function: str
    argument: Bound | None


Bound = BoundConstant | BoundColumn | BoundCall | BoundAggregate


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer."""

    name: str
    type: ValueType
    expression: Bound


@dataclass(frozen=True, slots=True)
class Grouping:
    """How rows become groups: the keys `@key0`… and the aggregates `@aggregate0`…."""

    keys: tuple[Bound, ...]
    aggregates: tuple[BoundAggregate, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked query. In a grouped one, outputs, having and order look at the groups."""

    outputs: tuple[Output, ...]
    where: Bound | None
    grouping: Grouping | None
    having: Bound | None
    order: tuple[tuple[Bound, bool], ...]
    limit: int
    offset: int


def bind(query: Query, dataset_id: str) -> Plan:
    """Check a query against the columns of the datasets.

    Raises:
        SoqlError: It names what does not exist, mixes types, or aggregates where it must not.
    """
    return _Binder(query, dataset_id).plan()


class _Binder:
    def __init__(self, query: Query, dataset_id: str) -> None:
        self._query = query
        self._dataset_id = dataset_id
        self._aliases: dict[str, Bound] = {}

    def plan(self) -> Plan:
        query = self._query
        outputs = self._outputs()
        self._aliases = {output.name: output.expression for output in outputs}
        where = None if query.where is None else self._bind(query.where)
        if where is not None:
            self._condition(where, "op$AND")
            _refuse_aggregates(where, "WHERE")
        keys = tuple(self._bind(key) for key in query.group)
        for key in keys:
            _refuse_aggregates(key, "GROUP BY")
        having = None if query.having is None else self._bind(query.having)
        order = tuple((self._bind(key.expression), key.descending) for key in query.order)
        aggregates: dict[BoundAggregate, None] = {}
        for bound in (*(output.expression for output in outputs), *([having] if having else [])):
            _collect_aggregates(bound, aggregates)
        grouping = None
        if keys or aggregates or having is not None:
            for bound, _ in order:
                _collect_aggregates(bound, aggregates)
            grouping = Grouping(keys, tuple(aggregates))
            outputs = tuple(
                Output(output.name, output.type, _over_groups(output.expression, grouping))
                for output in outputs
            )
            order = tuple((_over_groups(bound, grouping), down) for bound, down in order)
            if having is not None:
                self._condition(having, "op$AND")
                having = _over_groups(having, grouping)
        else:
            for bound, _ in order:
                _refuse_aggregates(bound, "ORDER BY")
        return Plan(outputs, where, grouping, having, order, query.limit, query.offset)

    def _outputs(self) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for star in self._query.stars:
            columns = SYSTEM_TYPES if star == ":*" else FIELD_TYPES
            outputs += [
                Output(name, type_, BoundColumn(type_, name)) for name, type_ in columns.items()
            ]
        given = {selected.alias for selected in self._query.selected if selected.alias}
        taken = {output.name for output in outputs}
        for selected in self._query.selected:
            bound = self._bind(selected.expression)
            if selected.alias is not None:
                name = selected.alias
                if name in taken:
                    raise DuplicateAlias(name)
            else:
                name = _implied_name(selected.expression)
                if isinstance(selected.expression, Name) and name in taken:
                    raise DuplicateAlias(name)
                name = _free_name(name, taken | given)
            taken.add(name)
            outputs.append(Output(name, bound.type, bound))
        return tuple(outputs)

    def _condition(self, bound: Bound, function: str) -> None:
        if bound.type not in ("boolean", "null"):
            raise TypeMismatch(function, bound.type)

    def _bind(self, expression: Expression) -> Bound:
        if isinstance(expression, Constant):
            return _constant(expression)
        if isinstance(expression, Name):
            return self._column(expression)
        if expression.function == "count/*":
            return BoundAggregate("number", "count/*", None)
        if expression.function in AGGREGATES:
            return self._aggregate(expression)
        return self._call(expression)

    def _column(self, name: Name) -> Bound:
        if name.name in self._aliases:
            return self._aliases[name.name]
        if name.name in COLUMN_TYPES:
            return BoundColumn(COLUMN_TYPES[name.name], name.name)
        raise NoSuchColumn(name.name, self._dataset_id, self._query.text, name.position)

    def _aggregate(self, call: Call) -> Bound:
        function = AGGREGATES[call.function]
        if len(call.arguments) != 1:
            raise NoSuchFunction(f"{call.function} of {len(call.arguments)} arguments")
        argument = self._bind(call.arguments[0])
        _refuse_aggregates(argument, f"{call.function}(…)")
        if argument.type not in function.parameter:
            raise TypeMismatch(call.function, argument.type)
        return BoundAggregate(function.result or argument.type, call.function, argument)

    def _call(self, call: Call) -> Bound:
        function = FUNCTIONS.get(call.function)
        if function is None:
            raise NoSuchFunction(call.function)
        parameters = function.parameters
        if function.variadic:
            parameters += (parameters[-1],) * (len(call.arguments) - len(parameters))
        if len(call.arguments) != len(parameters):
            raise NoSuchFunction(f"{call.function} of {len(call.arguments)} arguments")
        arguments = tuple(self._bind(argument) for argument in call.arguments)
        if function.same_types:
            arguments = _of_one_type(call.function, function, arguments)
        for argument, allowed in zip(arguments, parameters, strict=True):
            if argument.type not in allowed:
                raise TypeMismatch(call.function, argument.type)
        if call.function in PATTERN_FUNCTIONS and not isinstance(arguments[1], BoundConstant):
            raise TypeMismatch(call.function, "not a literal")
        return BoundCall(function.result, call.function, arguments)


def _constant(constant: Constant) -> BoundConstant:
    value = constant.value
    if value is None:
        return BoundConstant("null", pa.scalar(None, pa.string()))
    if isinstance(value, bool):
        return BoundConstant("boolean", pa.scalar(value))
    if isinstance(value, float):
        return BoundConstant("number", pa.scalar(value))
    return BoundConstant("text", pa.scalar(value))


_LITERAL_TYPES: Mapping[ValueType, pa.DataType] = {
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "floating_timestamp": pa.timestamp("ms"),
    "fixed_timestamp": pa.timestamp("ms", "UTC"),
}


def _of_one_type(name: str, function: Function, arguments: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """Read text literals as the type of the other arguments, which must agree."""
    settled = (argument.type for argument in arguments if not isinstance(argument, BoundConstant))
    wanted = next(settled, arguments[0].type)
    if wanted not in function.parameters[0]:
        raise TypeMismatch(name, wanted)
    return tuple(_as_type(name, argument, wanted) for argument in arguments)


def _as_type(name: str, argument: Bound, wanted: ValueType) -> Bound:
    texts = ("text", "row_identifier")
    if argument.type == wanted or (argument.type in texts and wanted in texts):
        return argument
    if isinstance(argument, BoundConstant):
        if argument.type == "null":
            return BoundConstant(wanted, pa.scalar(None, _LITERAL_TYPES.get(wanted, pa.string())))
        if argument.type == "text":
            return _read_literal(name, argument, wanted)
    raise TypeMismatch(name, argument.type)


def _read_literal(name: str, literal: BoundConstant, wanted: ValueType) -> BoundConstant:
    text: str = literal.value.as_py()
    if wanted in ("floating_timestamp", "fixed_timestamp"):
        moment = parse_timestamp(text, wanted)
        if moment is not None:
            return BoundConstant(wanted, moment)
    elif wanted == "number":
        try:
            return BoundConstant(wanted, pa.scalar(float(text)))
        except ValueError:
            raise TypeMismatch(name, "text") from None
    raise TypeMismatch(name, "text")


def _refuse_aggregates(bound: Bound, clause: str) -> None:
    found: dict[BoundAggregate, None] = {}
    _collect_aggregates(bound, found)
    for aggregate in found:
        raise AggregateInUngroupedContext(aggregate.function, clause)


def _collect_aggregates(bound: Bound, into: dict[BoundAggregate, None]) -> None:
    if isinstance(bound, BoundAggregate):
        into[bound] = None
    elif isinstance(bound, BoundCall):
        for argument in bound.arguments:
            _collect_aggregates(argument, into)


def _over_groups(bound: Bound, grouping: Grouping) -> Bound:
    if bound in grouping.keys:
        return BoundColumn(bound.type, f"@key{grouping.keys.index(bound)}")
    if isinstance(bound, BoundAggregate):
        return BoundColumn(bound.type, f"@aggregate{grouping.aggregates.index(bound)}")
    if isinstance(bound, BoundColumn):
        raise NotInGroupBy(bound.name)
    if isinstance(bound, BoundCall):
        arguments = tuple(_over_groups(argument, grouping) for argument in bound.arguments)
        return BoundCall(bound.type, bound.function, arguments)
    return bound


def _implied_name(expression: Expression) -> str:
    if isinstance(expression, Name):
        return expression.name
    if isinstance(expression, Constant):
        return "".join(c if c.isalnum() else "_" for c in str(expression.value)).strip("_") or "_1"
    function = expression.function.removesuffix("/*").strip("#").replace("op$", "").lower()
    parts = [function or "value", *(_implied_name(argument) for argument in expression.arguments)]
    return "_".join(part.lstrip(":@") for part in parts)


def _free_name(name: str, taken: set[str | None] | set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate
