"""A real browser, driven: Debian's chromium by playwright-core in node, without a network beyond this machine."""
