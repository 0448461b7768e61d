"""``python -m tests.hostile``: many hostile lines; exit status 1 when one forged anything."""

import argparse
import sys
import time

from tests.hostile.cases import failure, make_case


def main() -> int:
    """Run, with a line of progress on a terminal."""
    parser = argparse.ArgumentParser(description="Read many hostile log lines.")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    for number in range(options.cases):
        case = make_case(options.seed, number)
        why = failure(case)
        if why:
            print(f"\nseed {options.seed}, case {number}: {why}\n{case.line!a}")
            return 1
        if number % 1_000 == 0 and sys.stderr.isatty():
            print(f"\r{number} of {options.cases}", end="", file=sys.stderr)
    print(f"{options.cases} cases, seed {options.seed}: nothing was forged")
    return 0


if __name__ == "__main__":
    sys.exit(main())
