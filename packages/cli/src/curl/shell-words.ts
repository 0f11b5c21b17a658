import { PosixReader } from './posix-words';
import { cmdWords, powerShellWords } from './windows-words';
import type { ShellWords } from './word-builder';

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
