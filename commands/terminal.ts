/**
 * What a command has to do with its terminal: lines out, lines of progress, and the exit code.
 *
 * Standard output carries the answer, for people or (`--json`) for programs; everything else goes to standard error.
 */
export interface Terminal {
  /** One line of the answer. */
  print(line: string): void;
  /** One line for a person who waits. */
  tell(line: string): void;
  /** The code to end with: 0 done, 1 the answer is no, 2 wrong use, 70 a bug. Without a call it is 0. */
  exitWith(code: 0 | 1 | 2 | 70): void;
}

/** Wrong use of a command: exit code 2 and the message. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
