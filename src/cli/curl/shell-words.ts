import { PosixReader } from './posix-words';
import { cmdWords, powerShellWords } from './windows-words';

/** A command as a shell would take it apart. Nothing is run, and no variable is filled in. */
export interface ShellWords {
  words: string[];
  /** Variables where a shell would fill them in, as they stand in the words: `$NAME`, `${NAME}`, `%NAME%`. */
  variables: ReadonlySet<string>;
}

/**
 * Takes one command apart as its shell would: a POSIX shell with bash's `$'…'`, or, where carets or backticks show that
 * the command was copied for it, cmd.exe or PowerShell.
 *
 * @throws Refusal for anything that only a shell can do, such as a second command; it never repeats the text.
 */
export function shellWords(text: string): ShellWords {
  const trimmed = text.trim();
  const reader = new PosixReader(trimmed);
  switch (reader.read()) {
    case 'cmd':
      return cmdWords(trimmed);
    case 'powershell':
      return powerShellWords(trimmed);
    default:
      return reader;
  }
}
