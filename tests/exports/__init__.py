"""Five workflows in the shape that Agent Builder exports, each as a package that `AGENT_FACTORY` names.

`workflow.py` is the export. Its style is the tool's, so ruff and mypy leave it alone. Only `__init__.py` is ours.
"""
