"""Parses, measures and validates GraphQL documents before they are executed, and caches those that pass."""

import re
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.graphql.errors import Code, ExecutionRefused
from app.graphql.limits import Limits, ListSizes, TooComplex, excess
from app.graphql.measuring import Measuring, default_value, fragments_of, operations_of

VALIDATION_ERRORS = 20
BYTES_PER_TOKEN = 500
"""Bytes of memory for a token with its share of the syntax tree (360 to 450 were measured)."""
SURROGATE_ESCAPE = re.compile(r"\\u(\{0*)?[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a document that passed all checks."""

    node: OperationDefinitionNode
    is_introspection: bool
    """Whether it selects `__schema` or `__type`, directly or through a fragment."""
    is_measured_by_request: bool
    """Whether only some values of its variables keep it within the limits, so that each request is measured."""
    has_sized_lists: bool
    """Whether its complexity depends on the lengths of the person's lists (`Limits.sized_lists`)."""
    complexity_fields: int
    """Its highest possible complexity, in fields, with each of those lists counted as one item."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that passed all checks. It may be executed, at least for some values of its variables."""

    tree: DocumentNode
    operations: Mapping[str | None, Operation]
    fragments: Mapping[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> Operation:
        """The operation with this name; if `name` is None, the only one. Raises ExecutionRefused if there is none."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        operation = self.operations.get(name) if name is not None else None
        if operation is None:
            sentence = (
                "There is no operation with that name."
                if name is not None
                else "The document has several operations. Send operationName."
            )
            raise ExecutionRefused(Code.GRAPHQL_VALIDATION_FAILED, [GraphQLError(sentence)])
        return operation


class Documents:
    """Prepares documents for one schema, and caches those that passed; the least recently used are dropped first.

    Refused documents are not cached, so that they can't push valid ones out of the cache.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._rules = validation_rules(limits)
        self._passed: OrderedDict[str, Document] = OrderedDict()
        self._bytes = 0

    def prepare(self, text: str) -> Document:
        """Returns the checked document. Raises ExecutionRefused if it does not parse, is too complex or not valid."""
        document = self._passed.get(text)
        if document is not None:
            self._passed.move_to_end(text)
            return document
        tree = self._parsed(text)
        # Measured before it is validated, because validating a hostile document takes far more time.
        document = self._measured(tree)
        self._validate(tree)
        self._remember(text, document)
        return document

    def check_size(self, document: Document, operation: Operation, variables: Mapping[str, Any]) -> None:
        """
        Measures the operation with this request's variables, if its complexity depends on them.

        Needs no database, so it is called before the person is looked up. Raises ExecutionRefused.
        """
        if operation.is_measured_by_request:
            self._check(document, operation, variables, None)

    def check_lists(
        self, document: Document, operation: Operation, variables: Mapping[str, Any], sizes: ListSizes
    ) -> int:
        """
        Measures the operation with the lengths of this person's lists. Returns its complexity, in fields.

        Raises ExecutionRefused.
        """
        return self._check(document, operation, variables, sizes)

    def _check(
        self, document: Document, operation: Operation, variables: Mapping[str, Any], sizes: ListSizes | None
    ) -> int:
        defaults = {
            definition.variable.name.value: default_value(definition)
            for definition in operation.node.variable_definitions or ()
        }
        measuring = Measuring(self._schema, document.fragments, self._limits, {**defaults, **variables}, sizes)
        cost = measuring.operation(operation.node)
        if (sentence := excess(cost, self._limits, 0 if sizes is None else sizes.extra_fields)) is not None:
            raise too_complex(sentence)
        return cost.complexity_fields

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            raise ExecutionRefused(_syntax_code(error), [error]) from None

    def _measured(self, tree: DocumentNode) -> Document:
        nodes = list(operations_of(tree))
        if len(nodes) > self._limits.operations:
            raise too_complex(f"The document has {len(nodes)} operations; {self._limits.operations} are allowed.")
        fragments = fragments_of(tree)
        operations: dict[str | None, Operation] = {}
        for node in nodes:
            measuring = Measuring(self._schema, fragments, self._limits, None)
            try:
                cost = measuring.operation(node)
            except TooComplex as error:
                raise too_complex(str(error)) from None
            sentence = excess(cost, self._limits)
            if sentence is not None and not measuring.depends_on_variables:
                raise too_complex(sentence)
            operations[node.name.value if node.name else None] = Operation(
                node,
                is_introspection=cost.introspection_fields > 0,
                is_measured_by_request=sentence is not None,
                has_sized_lists=measuring.depends_on_sizes,
                complexity_fields=cost.complexity_fields,
            )
        return Document(tree, operations, fragments)

    def _validate(self, tree: DocumentNode) -> None:
        # Without "did you mean", which would show names of the schema to people who may not use introspection.
        errors = validate(self._schema, tree, self._rules, max_errors=VALIDATION_ERRORS, hide_suggestions=True)
        if errors and all(isinstance(error, ValidationAbortedError) for error in errors):
            raise too_complex("The document takes too long to validate: it repeats too many fields or fragments.")
        if errors:
            raise ExecutionRefused(Code.GRAPHQL_VALIDATION_FAILED, errors)

    def _remember(self, text: str, document: Document) -> None:
        self._passed[text] = document
        self._bytes += _memory(text, document)
        while len(self._passed) > self._limits.cached_documents or self._bytes > self._limits.cached_bytes:
            self._bytes -= _memory(*self._passed.popitem(last=False))


def too_complex(sentence: str) -> ExecutionRefused:
    """Makes the refusal of a document that exceeds a limit."""
    return ExecutionRefused(Code.TOO_COMPLEX, [GraphQLError(sentence)])


def validation_rules(limits: Limits) -> tuple[type[ASTValidationRule], ...]:
    """
    The specification's validation rules and Strawberry's own. The rule whose work grows quadratically gets our budget.

    graphql-core allows that rule 500,000 steps, which take more than a second for 5,000 tokens.
    """

    class MergeableFieldsRule(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = limits.merge_steps

    standard = (MergeableFieldsRule if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules)
    return (*standard, MaybeNullValidationRule, OneOfInputValidationRule)


def _syntax_code(error: GraphQLSyntaxError) -> Code:
    # The parser has one class for all its errors. A message that quotes the document never ends like this.
    if error.message.endswith("Parsing aborted."):
        return Code.TOO_COMPLEX
    if error.source and SURROGATE_ESCAPE.match(error.source.body, next(iter(error.positions or (0,)))):
        return Code.BAD_USER_INPUT
    return Code.GRAPHQL_PARSE_FAILED


def _memory(text: str, document: Document) -> int:
    """Estimates a document's memory in bytes: the text, its copies in the tree's values, and the tree."""
    return 2 * sys.getsizeof(text) + BYTES_PER_TOKEN * document.tree.token_count
