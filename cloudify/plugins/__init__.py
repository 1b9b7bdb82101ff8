"""One family of routes a module: handlers above, wiring below. Independent of each other."""
