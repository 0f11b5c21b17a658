import { defineCommand, flag, literalOption } from '../program/command';
import { Refusal } from '../program/errors';
import { idOptions } from '../users/options';
import type { IdOptions } from '../users/options';
import { refuseWithBundle, wantedFrom } from './receipt-options';
import type { ReceiptsOptions } from './receipt-options';

/** `http-tasks receipts ID`: shows what the ledger has about one sweep, run, user or call. Changes nothing. */
export const receiptsCommand = defineCommand<ReceiptsOptions & IdOptions & { user?: string; checkpoint?: string }>({
  description: [
    'ID is the ID of a sweep, a workflow ID, its part after "offboard-", the ID of a user at Plaid or Batch (for every',
    'run, sweep and call about that user), or the run ID that http-tasks call printed. Shows the final outcome of each step;',
    'with --attempts every intent and outcome. The table has the first 50 receipts of a sweep; --csv and --jsonl write those of',
    'all users with all columns, and --html writes one page to view and keep: plots, the users who need attention, and how to',
    'verify it. In CSV, a text that a spreadsheet would take for a formula is prefixed with an apostrophe; JSONL has every',
    'text unchanged. Exits 1 when the ledger has no receipt for the ID.',
  ].join(' '),
  examples: [
    'http-tasks receipts offboard-J2VYv4bBqYkM6a5kK1GZsD4x',
    'http-tasks receipts usr_1 --attempts --json',
    'http-tasks receipts --id courier.contactId=c_1 --providers ./courier.provider.yaml',
    'http-tasks receipts closed-2030-01 --html --out closed-2030-01.html',
    'http-tasks receipts closed-2030-01 --csv --out closed-2030-01.csv',
    'http-tasks receipts closed-2030-01 --bundle closed-2030-01.jsonl',
    'http-tasks receipts --user usr_1 --bundle usr_1.jsonl',
  ],
  options: [
    flag('--attempts', 'show every intent and outcome, not only the final outcome of each step'),
    flag('--csv', 'the final outcomes of all users (with --attempts every receipt) with all columns, as CSV'),
    flag('--jsonl', 'the same as one JSON object per line'),
    flag('--html', 'a report on a sweep as one self-contained HTML page'),
    literalOption('--out <file>', 'write into this new file, readable by you alone, instead of stdout'),
    flag('--force', 'replace the file if it exists'),
    literalOption(
      '--bundle <file>',
      'write the evidence of a sweep, run or user with its proofs into this new file; http-tasks verify --bundle checks it',
    ),
    literalOption('--user <id>', 'the ID of a user at Plaid or Batch, even if a sweep or run has the same'),
    literalOption('--checkpoint <file>', 'with --bundle: prove against this checkpoint, which you kept'),
    idOptions(),
  ],
  run: async (io, options, [given = '']) => {
    const user =
      options.id === undefined
        ? undefined
        : await (await import('../users/provider-ids.js')).readIdsAtServices(io, options);
    if (options.user === '') throw new Refusal('Usage', '--user must not be empty.', 'user');
    const isUser = options.user !== undefined;
    if ([given !== '', isUser, user !== undefined].filter(Boolean).length !== 1)
      throw new Refusal(
        'Usage',
        'Give one: the ID of a sweep, run, user or call, --user ID, or --id PROVIDER.ID=VALUE.',
        'id',
      );
    const id = user
      ? (options.id ?? []).map((text) => text.slice(0, text.indexOf('='))).join(', ')
      : (options.user ?? given);
    const { bundle, checkpoint, json = false } = options;
    if (checkpoint !== undefined && bundle === undefined)
      throw new Refusal('Usage', '--checkpoint is for a file that --bundle writes.', 'checkpoint');
    if (bundle !== undefined) {
      refuseWithBundle(options);
      const { writeBundle } = await import('../bundle/run-bundle.js');
      return writeBundle(io, { id, user, isUser, file: bundle, checkpoint, json });
    }
    const wanted = wantedFrom(options);
    const { showReceipts } = await import('./show-receipts.js');
    const serviceAt =
      options.account === undefined
        ? undefined
        : await (await import('../users/provider-ids.js')).readServiceAt(io, options);
    return showReceipts(io, id, wanted, { user, isUser, serviceAt });
  },
});
