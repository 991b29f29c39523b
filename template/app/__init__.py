"""`main` is the api and `worker` runs its jobs; `modules` are the domain, `core` is under all."""
