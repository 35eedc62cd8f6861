"""`make user-cost`: print what one user can cost in an hour with the defaults of `template.yaml`.

The table is in docs/security.md. A test compares the two.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from local.template import load_template
from scripts.cost import LAMBDA_ARM_GB_SECOND
from scripts.target import add_layer

if TYPE_CHECKING:
    from assistant.settings import Settings

HOUR_SECONDS = 3600
# The price of a stored gigabyte in S3 for a month, us-east-1, November 2026: https://aws.amazon.com/s3/pricing/
S3_GB_MONTH = 0.023


def default_environment(template: dict[str, Any], **changes: str) -> dict[str, str]:
    """Return the environment of a function that is deployed with the parameters' defaults.

    Args:
        template: The template.
        changes: Parameters with other values.
    """
    parameters = {name: str(each["Default"]) for name, each in template["Parameters"].items()} | changes
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    return {
        name: parameters[value["Ref"]]
        for name, value in variables.items()
        if isinstance(value, dict) and value.get("Ref") in parameters
    }


def _excess(settings: Settings) -> tuple[int, float, int, float]:
    """Return by how much a limit of the day can be passed, without tools' outputs.

    Returns:
        The tokens and the dollars of the largest reservation, and those by which one running call can exceed its
        estimate. The most tokens are those of the last call of a turn with the longest answers.
    """
    from assistant.agent.server import MAX_MODEL_CALLS
    from assistant.prices import MILLION, price_of
    from assistant.quotas import OVERHEAD_TOKENS, USUAL_OUTPUT_TOKENS

    longest = settings.llm_max_output_tokens or 0
    read = settings.history_max_tokens + OVERHEAD_TOKENS + (MAX_MODEL_CALLS - 1) * longest
    price = price_of(settings.prices, settings.default_model)
    reserved = (price.read * read + price.written * USUAL_OUTPUT_TOKENS) / MILLION
    reserved = max(reserved, price_of(settings.prices, settings.image_model).picture)
    over = longest - USUAL_OUTPUT_TOKENS
    return read + USUAL_OUTPUT_TOKENS, reserved, over, price.written * over / MILLION


def table(template: dict[str, Any]) -> str:
    """Return the table in Markdown."""
    add_layer()
    from assistant.files import MAX_ATTACHMENT_BYTES
    from assistant.settings import load_settings

    environment = default_environment(template, LlmProvider="openai", OpenAiApiKeySecret="key", AuthMode="guest")
    settings = load_settings(environment)
    quota, running = settings.user_quota, settings.max_concurrent_turns
    tokens, dollars, more_tokens, more_dollars = _excess(settings)
    held = running * (1 + settings.max_followers)
    spend = quota.spend_per_day or 0.0
    memory = int(template["Parameters"]["MemorySize"]["Default"]) / 1024
    stored = (quota.uploads_per_day or 0) * MAX_ATTACHMENT_BYTES / 1e9
    rows = [
        ("messages", f"{(quota.turns_per_minute or 0) * 60:,}", f"`QUOTA_TURNS_PER_MINUTE` = {quota.turns_per_minute}"),
        ("characters of a message", f"{settings.max_message_chars:,}", "`MAX_MESSAGE_CHARS`"),
        (
            "tokens",
            f"{quota.tokens_per_day:,} + {tokens:,} + {running} x {more_tokens:,}",
            f"`QUOTA_TOKENS_PER_DAY`, the last reservation, and {running} answers of `LLM_MAX_OUTPUT_TOKENS`",
        ),
        (
            "money for models",
            f"{spend:.2f} + {dollars:.3f} + {running} x {more_dollars:.3f} = "
            f"{spend + dollars + running * more_dollars:.2f}",
            f"`QUOTA_SPEND_PER_DAY`, the last picture, and the same answers with `{settings.default_model}`",
        ),
        (
            "recordings",
            f"{(quota.transcriptions_per_minute or 0) * 60:,}",
            f"`QUOTA_TRANSCRIPTIONS_PER_MINUTE` = {quota.transcriptions_per_minute}; their price is part of the money",
        ),
        ("pictures", f"{quota.pictures_per_day}", "`QUOTA_PICTURES_PER_DAY`; their price is part of the money"),
        (
            "files",
            f"{quota.uploads_per_day} with {stored:.1f} GB, {stored * S3_GB_MONTH:.2f} a month",
            "`QUOTA_UPLOADS_PER_DAY`",
        ),
        (
            "Lambda for answers",
            f"{held} at once, {held * HOUR_SECONDS * memory * LAMBDA_ARM_GB_SECOND:.2f}",
            "`MAX_CONCURRENT_TURNS` x (1 + `MAX_FOLLOWERS`) invocations",
        ),
    ]
    lines = ["| what | most in an hour, $ | limit |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    print(table(load_template()))
    sys.exit(0)
