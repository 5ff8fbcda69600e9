"""What all tests share: hypothesis times none of its inputs, and a worker has one thread."""

import os

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# More threads, on as many cores as there are workers, only wait for each other, and small networks
# take several times as long. Set before anything makes its pool of threads.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
