"""The project's own tests, on a real database that the migrations built. They mirror `app/`."""
