"""What all tests share: hypothesis tries many inputs, and times none of them."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
