"""The site of an edition: the pages around the bulletins.

Belongs here: the entry page, the comparison of provinces, the search for units, typical
experience, downloads, former editions, and the navigation that every page of an edition gets.
Doesn't belong here: the bulletins (``render``), figures (``marts``), where the bytes go
(``edition``). Nothing is fetched and nothing is built at reading time: the pages work from a
folder as well as from a server, and without scripts as plain tables and lists.
"""

from orchestration.bulletin.site.complete import complete
from orchestration.bulletin.site.editions import EditionNote, year_index
from orchestration.bulletin.site.pages import site_pages

__all__ = ["EditionNote", "complete", "site_pages", "year_index"]
