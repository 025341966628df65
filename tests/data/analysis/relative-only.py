from .models import build
from . import settings

build(settings).start()
