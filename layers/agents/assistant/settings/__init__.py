"""The settings: environment variables, read once, checked and typed. One file for each group of them."""

from assistant.settings.environment import FALSE, MAX_WHOLE, Secret
from assistant.settings.identity import AuthMode, AuthPreset, VisitorSettings
from assistant.settings.knowledge import DYNAMODB, EmbeddingProvider, KnowledgeSettings
from assistant.settings.limits import MAX_TENANT_TURNS_PER_MINUTE, MAX_TURNS_PER_MINUTE, Quota
from assistant.settings.models import DEFAULT_GEMINI_MODEL, DEFAULT_OPENAI_MODEL, AllowedModels, ProviderName
from assistant.settings.settings import Settings, load_settings
from assistant.settings.tracing import TracingSettings
from assistant.settings.variables import (
    Variable,
    check_variables,
    find_variables,
    read_variables,
    variable,
    variables_of,
)

__all__ = [
    "DEFAULT_GEMINI_MODEL",
    "DEFAULT_OPENAI_MODEL",
    "DYNAMODB",
    "FALSE",
    "MAX_TENANT_TURNS_PER_MINUTE",
    "MAX_TURNS_PER_MINUTE",
    "MAX_WHOLE",
    "AllowedModels",
    "AuthMode",
    "AuthPreset",
    "EmbeddingProvider",
    "KnowledgeSettings",
    "ProviderName",
    "Quota",
    "Secret",
    "Settings",
    "TracingSettings",
    "Variable",
    "VisitorSettings",
    "check_variables",
    "find_variables",
    "load_settings",
    "read_variables",
    "variable",
    "variables_of",
]
