"""The officer's guide: built from the reason catalogue and from dated configuration.

Pure: words and facts in, HTML out. `blueprint` shows it inside the console, from the
trust data of the moment; ``docs/guide`` holds it as it comes with a version.
"""

from .pages import Guide, every_page, printed, style
from .views import blueprint

__all__ = ["Guide", "blueprint", "every_page", "printed", "style"]
