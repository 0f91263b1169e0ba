"""The embedded feed: an endpoint that speaks the city's SODA API."""
