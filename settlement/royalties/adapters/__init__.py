"""Tables, stores and outside systems of the royalties room."""
