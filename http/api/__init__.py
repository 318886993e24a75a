"""The HTTP service: one resource a module, mounted by `api.app.create_app`."""
