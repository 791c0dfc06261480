"""The commands of the shell, a module for each; `__main__` lists them.

A module has HELP (a line), DESCRIPTION, EXAMPLE (of a command line, without
the program), `add_arguments(parser)` and `run(arguments)`, which returns the
exit status. Only `run` imports what is heavy, so that --help answers at once.

Authors
 * The speechbrain_pib developers 2026
"""
