import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(__dirname, '../..');
const CHECK = join(ROOT, 'test/types/plaid-drift.ts');
const PLAID = join(ROOT, 'node_modules/plaid/dist/api.d.ts');
const REASONS = join(ROOT, 'src/tasks/plaid/reason-codes.ts');
const TASKS = join(ROOT, 'src/tasks/plaid/tasks.ts');

const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.test.json'), (path) => ts.sys.readFile(path)) as {
  config: object;
};
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const host = ts.createCompilerHost(options);
const parsed = new Map<string, ts.SourceFile | undefined>();

/** The errors in plaid-drift.ts when one file of the program reads differently. Nothing is written to disk. */
function errorsWhen(file?: string, drift: (text: string) => string = (text) => text): string[] {
  const drifted: ts.CompilerHost = {
    ...host,
    getSourceFile: (path, target) => {
      if (path === file) return ts.createSourceFile(path, drift(ts.sys.readFile(path) ?? ''), target);
      if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, target));
      return parsed.get(path);
    },
  };
  const program = ts.createProgram([CHECK], options, drifted);
  const checked = program.getSourceFile(CHECK);
  return program
    .getSemanticDiagnostics(checked)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

/** Replaces text that has to be there: a drift that changes nothing would prove nothing. */
function replacing(pattern: RegExp, by: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new Error(`${String(pattern)} is not in the file.`);
    return text.replace(pattern, by);
  };
}

it('the tasks agree with the types of the installed Plaid client', () => {
  expect(errorsWhen()).toEqual([]);
});

it.each([
  [
    'Plaid adds a reason for terminating products',
    PLAID,
    replacing(/(enum ProductsTerminateReasonCode \{)/, "$1\n  New = 'NEW',"),
  ],
  [
    'Plaid drops a reason for removing an Item',
    PLAID,
    replacing(/(enum ItemRemoveReasonCode \{[^]*?)ConnectionIsNonFunctional = [^,]*,/, '$1'),
  ],
  [
    'Plaid requires a further field',
    PLAID,
    replacing(/(interface UserItemsRemoveRequest \{)/, '$1 confirmed: boolean;'),
  ],
  ['Plaid offers a further field', PLAID, replacing(/(interface UserItemsGetRequest \{)/, '$1 cursor?: string;')],
  [
    'Plaid makes user_id optional',
    PLAID,
    replacing(/(interface UserProductsTerminateRequest \{[^]*?)user_id:/, '$1user_id?:'),
  ],
  [
    'Plaid gives item_ids another type',
    PLAID,
    replacing(/(interface UserItemsRemoveRequest \{[^]*?)item_ids: Array<string>/, '$1item_ids: Array<number>'),
  ],
  [
    'Plaid answers without a request_id',
    PLAID,
    replacing(/(interface UserRemoveResponse \{[^]*?)request_id: string;/, '$1'),
  ],
  [
    'Plaid names the id of a listed Item differently',
    PLAID,
    replacing(/(interface Item \{[^]*?)item_id: string;/, '$1id: string;'),
  ],
  ['our list of reasons loses one', REASONS, replacing(/ {2}'FRAUD_TRANSACTION',\n/, '')],
  [
    'our list of reasons invents one',
    REASONS,
    replacing(/ {2}'CONNECTION_IS_NON_FUNCTIONAL',\n/, "  'CONNECTION_IS_NON_FUNCTIONAL',\n  'INVENTED',\n"),
  ],
  ['our task misspells a field', TASKS, replacing(/item_ids: z/, 'itemIds: z')],
  [
    'our task takes a field that Plaid does not know',
    TASKS,
    replacing(/access_token: z/, 'force: z.boolean(), access_token: z'),
  ],
])('the check fails to compile when %s', (_drift, file, drift) => {
  expect(errorsWhen(file, drift)).not.toEqual([]);
});
