import { PassThrough } from 'node:stream';
import { confirmIrreversible } from '@temporal-http-tasks/cli/internal/call/print';
import { processIo } from '@temporal-http-tasks/cli/internal/program/io';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { written } from '../support/written';

/** A terminal at which a person types this; `undefined` is Ctrl-D. */
function terminal(typed: string | undefined): { io: Io; shown: () => string } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  if (typed === undefined) stdin.end();
  else stdin.write(typed);
  const io = { ...processIo(), stdin: stdin as unknown as Io['stdin'], stderr: stderr as unknown as Io['stderr'] };
  return { io, shown: () => written(stderr) };
}

describe('the question before an irreversible call', () => {
  it.each(['y\n', 'yes\n', ' Y \n'])('takes %j as a yes', async (typed) => {
    const { io, shown } = terminal(typed);
    await expect(confirmIrreversible(io, plaid.userRemove, () => Promise.resolve('sandbox'))).resolves.toBeUndefined();
    expect(shown()).toContain('plaid.userRemove cannot be undone (sandbox). Send it? [y/N]');
  });

  it.each(['\n', 'n\n', 'yep\n', undefined])('takes %j for a no', async (typed) => {
    const { io } = terminal(typed);
    await expect(confirmIrreversible(io, plaid.userRemove, () => Promise.resolve('sandbox'))).rejects.toMatchObject({
      type: 'Interrupted',
      message: 'Not confirmed. Nothing was sent.',
    });
  });
});
