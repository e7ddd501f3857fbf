"""The stack that embeds and indexes a whole library at once."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks import names
from stacks.components.domain.domain_roles import SearchDomain, admit
from stacks.components.functions import function_environment as environments
from stacks.components.functions.python_function import PythonFunction
from stacks.components.indexing.bulk_access import allow_finish, allow_index, allow_plan, allow_prepare
from stacks.components.indexing.bulk_machine import BulkFunctions, BulkMachine
from stacks.components.indexing.bulk_rules import BulkRules
from stacks.components.models.model_container import model_name
from stacks.model_lock import LockedModel
from stacks.settings import Settings


class BulkStack(cdk.Stack):
    """The bulk run with any of `models` (by name). Output: `BulkStateMachineArn`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        domain: SearchDomain,
        models: Mapping[str, LockedModel],
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self._settings = settings
        self._domain = domain
        self._model_names = {
            model.short_fingerprint: model_name(self, model=model, settings=settings)
            for model in models.values()
        }
        functions = BulkFunctions(
            plan=self._plan(), prepare=self._prepare(), index=self._index(), finish=self._finish()
        )
        machine = BulkMachine(self, "Run", settings=settings, functions=functions).machine
        finish = functions.finish.function
        BulkRules(self, "Rules", settings=settings, machine=machine, finish=finish)
        cdk.CfnOutput(self, "BulkStateMachineArn", value=machine.state_machine_arn)

    def _plan(self) -> PythonFunction:
        variables = environments.bulk_plan_environment(
            self._settings, self._domain.endpoint, self._model_names
        )
        description = "Compares bucket and index, mends what needs no vector, and writes shards of the rest"
        plan = self._function("Plan", description, variables)
        allow_plan(plan.role, self._settings)
        return plan

    def _prepare(self) -> PythonFunction:
        variables = environments.bulk_prepare_environment(
            self._settings, self._domain.endpoint, self._model_names
        )
        description = "Names the shards to embed, and sets the index to loading"
        prepare = self._function("Prepare", description, variables)
        allow_prepare(prepare.role, self._settings)
        return prepare

    def _index(self) -> PythonFunction:
        bulk = self._settings.bulk
        index = PythonFunction(
            self,
            "Index",
            entrypoint="bulk_index",
            description="Writes the embeddings of one shard into the index",
            settings=self._settings.functions,
            memory_mb=bulk.index_memory_mb,
            timeout_seconds=bulk.index_timeout_seconds,
            environment=environments.bulk_index_environment(self._settings, self._domain.endpoint),
            name=names.function(self._settings, "bulk_index"),
            network=self._domain.network,
        )
        allow_index(index.role, self._settings)
        admit(index, domain=self._domain, settings=self._settings, access="write")
        return index

    def _finish(self) -> PythonFunction:
        variables = {
            **environments.bulk_finish_environment(self._settings, self._domain.endpoint),
            **environments.metrics_environment(self._settings),
        }
        finish = self._function("Finish", "Ends a run: verifies it and writes its report", variables)
        allow_finish(finish.role, self._settings)
        return finish

    def _function(
        self, construct_id: str, description: str, environment: Mapping[str, str]
    ) -> PythonFunction:
        entrypoint = f"bulk_{construct_id.lower()}"
        function = PythonFunction(
            self,
            construct_id,
            entrypoint=entrypoint,
            description=description,
            settings=self._settings.functions,
            memory_mb=self._settings.bulk.memory_mb,
            timeout_seconds=self._settings.bulk.timeout_seconds,
            environment=environment,
            name=names.function(self._settings, entrypoint),
            network=self._domain.network,
        )
        admit(function, domain=self._domain, settings=self._settings, access="write")
        return function
