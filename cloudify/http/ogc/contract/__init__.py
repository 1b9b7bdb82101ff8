"""What the OpenAPI document says of the API, in words that OpenAPI 3.0 and 3.1 share."""
