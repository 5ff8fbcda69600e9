"""Questions about a file that are answered badly: never, by dying, or by a fault."""

import os
import select
import signal


def name_of(track, name, model):
    return name


def dawdle(track, name, model):
    select.select([], [], [], 3600)


def die(track, name, model):
    os.kill(os.getpid(), signal.SIGKILL)


def stumble(track, name, model):
    return {}[name]
