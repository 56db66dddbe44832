"""The Pareto page: its document, the page that draws it, and the server that gives both."""
