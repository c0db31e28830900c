"""Tables, engine and the state of the schema."""
