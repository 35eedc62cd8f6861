"""The model factory: which provider answers, and a model that agents can be built with.

Adding a provider: a hook `build_link` in the agents' package, see `docs/extending.md`. One that belongs to the
platform is a file here that returns a `Link`, a name in `assistant.settings.ProviderName`, and a case in `_link`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from assistant.hooks import find_hook
from assistant.settings import ProviderName, Settings

if TYPE_CHECKING:
    from agents import Model, ModelSettings

    from assistant.identity import Caller
    from assistant.models.link import Link


def build_model(settings: Settings, model_name: str | None = None, caller: Caller | None = None) -> Model:
    """Build the model for an agent: the package's own provider or the configured one, then `LLM_FALLBACK`.

    Cheap to call for every agent: clients and connections are shared.

    Args:
        settings: Providers, keys and default models.
        model_name: A model of the first provider in place of its default. The fallback keeps its own default.
        caller: The turn's caller, for a `build_link` that selects by tenant, user or role.

    Raises:
        ConfigurationError: a provider lacks a setting that it needs.
    """
    from assistant.models.chain import ModelChain

    build_link = find_hook(settings, "build_link")
    own: Link | None = build_link(settings, model_name, caller) if build_link is not None else None
    links = [own or _link(settings, settings.llm_provider, model_name)]
    if settings.llm_fallback is not None and settings.llm_fallback != settings.llm_provider:
        links.append(_link(settings, settings.llm_fallback, None))
    return ModelChain(links, _defaults(settings))


def _defaults(settings: Settings) -> ModelSettings:
    """Return the settings of a model call that `LLM_…` sets for all agents."""
    from agents import ModelSettings
    from openai.types.shared import Reasoning

    effort = settings.llm_reasoning_effort
    return ModelSettings(
        reasoning=None if effort is None else Reasoning(effort=effort),
        verbosity=settings.llm_verbosity,
        temperature=settings.llm_temperature,
        max_tokens=settings.llm_max_output_tokens,
    )


def _link(settings: Settings, provider: ProviderName, model_name: str | None) -> Link:
    match provider:
        case "openai":
            from assistant.models.openai import openai_link

            return openai_link(settings, model_name)
        case "gemini":
            from assistant.models.gemini import gemini_link

            return gemini_link(settings, model_name)
        case "compatible":
            from assistant.models.compatible import compatible_link

            return compatible_link(settings, model_name)
        case "demo":
            from assistant.models.demo import demo_link

            return demo_link(model_name)
    assert_never(provider)


async def warm_up(settings: Settings) -> None:
    """Do at init what the first turn would wait for: imports, the TLS context, and the SDKs' deferred models.

    Makes no connection and reads no secret, so it may run before a snapshot. It takes a second or so of CPU: worth it
    where init is paid for once, as before a snapshot; where it is not, the first turn needs only what it uses.
    """
    build_model(settings)
    if settings.llm_provider in ("openai", "gemini", "compatible"):
        from assistant.models.clients import tls_context
        from assistant.models.warm_up import run_once

        tls_context()
        await run_once(on_responses=settings.llm_provider == "openai" and settings.openai_api == "responses")


def reset_clients() -> None:
    """Forget clients, failures and learnt capabilities, as after a restore from a snapshot, where sockets are dead."""
    from assistant.models.breaker import reset_breakers
    from assistant.models.capabilities import forget_learnt
    from assistant.models.clients import drop_clients

    drop_clients()
    reset_breakers()
    forget_learnt()


async def close_clients() -> None:
    """Close the running loop's connections, when the process ends."""
    from assistant.models.clients import close_clients as close

    await close()
