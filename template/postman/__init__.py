"""The Postman collection, made from what the api says of itself: `python -m postman`.

Nothing of the app knows this package, and production can leave it out.
"""
