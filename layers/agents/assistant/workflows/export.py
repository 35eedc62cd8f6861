"""An exported workflow as the value of `AGENT_FACTORY`."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assistant.errors import ConfigurationError, ImportFailedError
from assistant.exits import EXITS
from assistant.workflows.text import UserText

if TYPE_CHECKING:
    from chatkit.widgets import WidgetRoot

    from assistant.settings import Settings

logger = logging.getLogger(__name__)

# Makes the text or the widget that shows an agent's structured output.
OutputShower = Callable[[Any], "str | WidgetRoot"]


@dataclass(frozen=True)
class Workflow:
    """An exported workflow. It is what `AGENT_FACTORY` names: the platform calls it as `build_agent`.

    Attributes:
        module: The name of the export's module.
        outputs: How to show the structured output of an agent, by the agent's name. Others are not shown.
        hide: The names of agents whose text is not shown.
        models: The models to use in place of those that the export names; None for the platform's choice.
    """

    module: str
    outputs: Mapping[str, str | OutputShower] = field(default_factory=dict)
    hide: Collection[str] = ()
    models: Mapping[str, str | None] = field(default_factory=dict)

    def __call__(self, _settings: Settings) -> Workflow:
        """Load the export.

        Raises:
            ImportFailedError: The module cannot be imported.
            ConfigurationError: It is no export.
        """
        from assistant.workflows.names import replace_names

        try:
            module = import_module(self.module)
        except (Exception, *EXITS) as error:
            # An export also makes objects, such as a client of OpenAI that needs a key.
            raise ImportFailedError.of(self.module, error) from error
        replace_names(module)
        for name in ("WorkflowInput", "run_workflow"):
            if not hasattr(module, name):
                raise ConfigurationError(f"{self.module} has no {name}: put Agent Builder's export there.")
        for shown in self.outputs.values():
            if isinstance(shown, str):
                self._template(shown)
        return self

    async def start(self, text: str) -> Any:
        """Run the export on the user's message.

        Raises:
            ConfigurationError: The export's `WorkflowInput` needs more than the message.
        """
        module = import_module(self.module)
        try:
            given = module.WorkflowInput(input_as_text=text)
        except ValidationError as error:
            fix = f"WorkflowInput of {self.module} needs more than `input_as_text`: give its fields defaults. {error}"
            raise ConfigurationError(fix) from error
        # Validation makes a plain `str` of it.
        given.input_as_text = UserText(text)
        return await module.run_workflow(given)

    @property
    def has_guardrails(self) -> bool:
        """Whether the export runs the guardrails of openai-guardrails, or of a module in its place."""
        return hasattr(import_module(self.module), "run_guardrails")

    def show(self, agent_name: str, output: Any) -> str | WidgetRoot | None:
        """Return the text or the widget that shows an agent's structured output, or None."""
        shown = self.outputs.get(agent_name)
        if shown is None:
            return None
        if isinstance(shown, str):
            widget: WidgetRoot = self._template(shown).build(output)
            return widget
        return shown(output)

    def _template(self, name: str) -> Any:
        """Return the template in a `.widget` file of Agent Builder, which lies beside the export."""
        return _template(str(Path(import_module(self.module).__file__ or "").with_name(name)))


@functools.cache
def _template(path: str) -> Any:
    from chatkit.widgets import WidgetTemplate

    try:
        return WidgetTemplate.from_file(path)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"The widget {path} cannot be read: {error}") from error


def workflow_agent(
    module: str,
    *,
    outputs: Mapping[str, str | OutputShower] | None = None,
    hide: Collection[str] = (),
    models: Mapping[str, str | None] | None = None,
) -> Workflow:
    """Return an exported workflow for a package's `build_agent`.

    Args:
        module: The name of the export's module, such as `"support.workflow"`.
        outputs: How to show the structured output of an agent, by the agent's name: a `.widget` file beside the
            export, or a function that returns a text or a widget. Other structured outputs are not shown.
        hide: The names of agents whose text is not shown, such as one that rewrites the question.
        models: The models to use in place of those that the export names; None for the platform's choice.
    """
    return Workflow(module, dict(outputs or {}), frozenset(hide), dict(models or {}))
