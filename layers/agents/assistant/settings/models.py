"""The settings of providers and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from assistant.errors import ConfigurationError
from assistant.settings.environment import Environment, split_words

ProviderName = Literal["openai", "gemini", "compatible", "demo"]
ReasoningSummary = Literal["auto", "concise", "detailed"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Verbosity = Literal["low", "medium", "high"]
# Current models, checked in November 2026. gpt-6 models take function tools on the Responses API only.
DEFAULT_OPENAI_MODEL = "gpt-6-luna"
DEFAULT_GEMINI_MODEL = "gemini-3.8-flash"
DEFAULT_TRANSCRIPTION_MODEL = "gpt-transcribe"
DEFAULT_IMAGE_MODEL = "gpt-image-2.6-flare"
GEMINI_BASE_URL = "https://generativelanguage.googleapis.com/v1beta/openai/"
# More than any answer needs, also with a model that reasons. A smaller model's server may refuse a number this large,
# so the default holds for OpenAI and Gemini only.
DEFAULT_MAX_OUTPUT_TOKENS = 16_000
_WITH_DEFAULT_OUTPUT = frozenset({"openai", "gemini", None})


@dataclass(frozen=True)
class AllowedModels:
    """The models that a page may choose.

    Attributes:
        everyone: The models for every role.
        by_role: More models for a role.
    """

    everyone: tuple[str, ...] = ()
    by_role: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, role: str) -> tuple[str, ...]:
        """Return the models that a caller with this role may choose, each once."""
        more = [model for name, models in self.by_role if name == role for model in models]
        return tuple(dict.fromkeys([*self.everyone, *more]))


def provider_of(env: Environment, on_lambda: bool) -> ProviderName:
    """Return the provider that `LLM_PROVIDER` names, or else the first one that is configured."""
    named = env.choice("LLM_PROVIDER", get_args(ProviderName))
    if named is None:
        if env.secret("OPENAI_API_KEY"):
            named = "openai"
        elif env.secret("GEMINI_API_KEY"):
            named = "gemini"
        elif env.text("LLM_BASE_URL"):
            named = "compatible"
        else:
            named = "demo"
    _check_provider("LLM_PROVIDER", named, env, on_lambda)
    return cast(ProviderName, named)


def fallback_of(env: Environment, on_lambda: bool) -> ProviderName | None:
    named = env.choice("LLM_FALLBACK", get_args(ProviderName))
    if named is not None:
        _check_provider("LLM_FALLBACK", named, env, on_lambda)
    return cast(ProviderName | None, named)


def _check_provider(variable: str, named: str, env: Environment, on_lambda: bool) -> None:
    """Check that the provider is configured, and that the demo model runs on Lambda only with `ALLOW_DEMO`.

    Args:
        variable: The environment variable that chose the provider, for the error message.

    Raises:
        ConfigurationError: A setting is missing.
    """
    if named == "demo" and on_lambda and not env.flag("ALLOW_DEMO"):
        raise ConfigurationError(
            f"{variable} selects the demo model. Set a provider and its key, "
            "or set ALLOW_DEMO=true to run the demo model on Lambda."
        )
    if named == "openai" and not env.secret("OPENAI_API_KEY"):
        raise ConfigurationError(f"{variable}=openai needs OPENAI_API_KEY (on AWS: OPENAI_API_KEY_SECRET).")
    if named == "gemini" and not env.secret("GEMINI_API_KEY"):
        raise ConfigurationError(f"{variable}=gemini needs GEMINI_API_KEY (on AWS: GEMINI_API_KEY_SECRET).")
    if named == "compatible" and not (env.text("LLM_BASE_URL") and env.text("LLM_DEFAULT_MODEL")):
        raise ConfigurationError(f"{variable}=compatible needs LLM_BASE_URL and LLM_DEFAULT_MODEL.")


def default_output(provider: ProviderName, fallback: ProviderName | None) -> int | None:
    return DEFAULT_MAX_OUTPUT_TOKENS if {provider, fallback} <= _WITH_DEFAULT_OUTPUT else None


def allowed_models(env: Environment, name: str) -> AllowedModels:
    """Return the models that a page may choose, from a variable.

    Raises:
        ConfigurationError: the variable has another form.
    """
    everyone: list[str] = []
    by_role: list[tuple[str, tuple[str, ...]]] = []
    for group in (env.text(name) or "").split(";"):
        role, found, models = group.partition("=")
        if not found:
            everyone += split_words(group)
        elif role.strip() and split_words(models):
            by_role.append((role.strip(), split_words(models)))
        else:
            raise ConfigurationError(f"{name} must be like 'model-a,model-b;admin=model-c', not {group!r}.")
    return AllowedModels(tuple(everyone), tuple(by_role))
