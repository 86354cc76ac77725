"""The description of both APIs in OpenAPI 3.1, made of the tables and models that requests are held against."""
