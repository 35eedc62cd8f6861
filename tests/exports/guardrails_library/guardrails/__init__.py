"""A stand-in for openai-guardrails, which is too large for this project's environment.

It has the functions and the results that exports use. Its checks look for words.
"""
