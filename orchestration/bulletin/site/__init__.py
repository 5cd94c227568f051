"""The site of an edition: the pages around the bulletins.

The pages are static. They work from a folder as well as from a server, and without scripts they
are plain tables and lists.

Belongs here: the entry page, the comparison of provinces, the search for units, typical
experience, downloads, the data manual, the list of editions, and the navigation of every page of
an edition. Doesn't belong here: rendering bulletins (``render``), reading figures (``marts``),
writing files (``edition``).
"""

from orchestration.bulletin.site.complete import complete
from orchestration.bulletin.site.editions import EditionNote, year_index
from orchestration.bulletin.site.feed import year_feed
from orchestration.bulletin.site.pages import site_pages
from orchestration.bulletin.site.reference import reference_page

__all__ = ["EditionNote", "complete", "reference_page", "site_pages", "year_feed", "year_index"]
