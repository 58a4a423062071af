"""The ground: what every room stands on, and which stands on none of them.

In:   the environment, a settings file, files under home.     Out: settings, paths, keys, errors, folded text, topics.
"""

# settings.py is not imported here: it brings pydantic, and `--help` should come at once.
from strokemap.errors import StrokemapError
from strokemap.home import Home
from strokemap.keys import Keys
from strokemap.progress import Progress, silent
from strokemap.topic import Topic, load_topic

__version__ = "0.1.0"

__all__ = ["Home", "Keys", "Progress", "StrokemapError", "Topic", "load_topic", "silent"]
