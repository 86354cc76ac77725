"""The registry: which plugins there are, in which versions, and what people say of them."""
