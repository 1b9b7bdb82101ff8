"""What the API documentation says of queries that routes read by themselves."""

from typing import Any


def query(**descriptions: str) -> dict[str, Any]:
    """Return the parameters of a query for OpenAPI: name -> what it is. All are text, and none is needed.

    >>> query(f="json or csv")["parameters"][0]["name"]
    'f'
    """
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
            for name, text in descriptions.items()
        ]
    }
