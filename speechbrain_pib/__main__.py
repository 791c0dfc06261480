"""The command line: `python -m speechbrain_pib COMMAND`, or
`speechbrain-pib COMMAND`.

To add a command, name it below and write a module for it in `commands`.

Authors
 * The speechbrain_pib developers 2026
"""

import importlib
import sys

import speechbrain_pib
from speechbrain_pib.commands.parsing import Parser, protect_dashes
from speechbrain_pib.commands.terminal import FAILURES, complain, explain
from speechbrain_pib.utils.printing import discard

COMMANDS = (
    "classify",
    "classify-video",
    "timeline",
    "export",
    "compare",
    "pack",
    "pack-folder",
    "extract-audio",
    "extract-features",
    "make-scenes",
    "join-scenes",
    "pretrained",
    "evaluate-timeline",
)
INTERRUPTED, NOBODY_READS = 130, 141  # as a shell reports those signals


def build_parser():
    """Make the parser of all commands.

    Returns
    -------
    parser : Parser

    Example
    -------
    >>> build_parser().parse_args(["classify", "inference", "dog.wav"]).files
    ['dog.wav']
    """
    by_module = sys.argv[0] == __file__
    parser = Parser(
        prog="python -m speechbrain_pib" if by_module else "speechbrain-pib",
        description="Play It Back and Listen to Look. COMMAND --help shows "
        "its arguments and an example.",
        epilog="Exit status: 0 if all went well, 1 if a file failed, 2 if the "
        "command line is wrong.",
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True
    )
    for name in COMMANDS:
        module = importlib.import_module(
            f"speechbrain_pib.commands.{name.replace('-', '_')}"
        )
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=f"example:\n  {parser.prog} {name} {module.EXAMPLE}",
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments=None):
    """Run a command.

    Arguments
    ---------
    arguments : list of str
        Without the name of the program (default: those of the process).

    Returns
    -------
    status : int
        Exit status: 0; 1 if a file failed, or nothing could be done; 130 if
        interrupted; 141 if nobody reads what is printed.

    Raises
    ------
    SystemExit
        With 2 if the command line is wrong.

    Example
    -------
    >>> main(["classify", "no/such/folder", "dog.wav"])
    1
    """
    for stream in (sys.stdout, sys.stderr):
        # There are names that the encoding of a terminal does not have.
        stream.reconfigure(errors="backslashreplace")
    if arguments is None:
        arguments = sys.argv[1:]
    try:
        return _run(build_parser(), protect_dashes(arguments))
    except BrokenPipeError:
        discard(sys.stdout)
        return NOBODY_READS
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED


def _run(parser, arguments):
    """Run a command; an error is a line, and its exit status."""
    arguments = parser.parse_args(arguments)
    try:
        speechbrain_pib.check_torchaudio()
        status = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        raise
    except FAILURES as error:
        complain(f"{parser.prog} {arguments.command}: {explain(error)}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
