import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

const ROOT = join(__dirname, '../..');
const VENDOR = /plaid|batch/i;

/** Where the two vendors are defined, and what can never change again. */
const FREE = ['src/providers/', 'src/ledger/migrations/'];

/** Names that the engine may have, with the reason: `files` limits them, all files may have them otherwise. */
const ALLOWED: readonly { reason: string; names: RegExp; files?: RegExp }[] = [
  {
    reason: 'fields of inputs before there were providers',
    names: /^(?:plaidUser(?:Id|Token)|batchUserId|plaid|batch)$/,
  },
  { reason: 'columns of sources before there were providers', names: /^(?:plaid_user_(?:id|token)|batch_user_id)$/ },
  { reason: 'settings', names: /^(?:PLAID|BATCH)_[A-Z_]*$/ },
  {
    reason: 'defaults of settings',
    names: /^(?:https:\/\/api\.batch\.com|plaid,batch)$/,
    files: /^src\/config\/setting-table\.ts$/,
  },
  { reason: 'a column of a committed migration', names: /^plaid_environment$/, files: /^src\/ledger\// },
  {
    reason: 'fields of activities that are recorded in histories and rows',
    names: /^(?:usesBatch|batchApps|batchMode|unroutableBatchUserId|plaid\.itemIds)$/,
    files: /^src\/(?:activities|workflows)\//,
  },
  { reason: 'the name of a task in examples', names: /^plaid\.userItemsGet$/ },
  { reason: 'where the definitions are', names: /providers\/(?:plaid|batch)\/\w+$|^(?:plaidService|batchProvider)$/ },
  {
    reason: 'the public names of the simulators',
    names: /^(?:start)?(?:Plaid|Batch)\w+$/,
    files: /^src\/testing\.ts$/,
  },
];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => relative(ROOT, join(ROOT, folder, file)))
    .filter((file) => !FREE.some((free) => file.startsWith(free)));
}

/** Names and texts of a file that name a vendor. Sentences and comments may. */
function vendorNamesIn(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.ES2023, true);
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isName = ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isStringLiteralLike(node);
    if (isName && VENDOR.test(node.text) && !/\s/.test(node.text)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found];
}

it('no code outside of src/providers names Plaid or Batch, except for names that cannot change', () => {
  const foreign = sources('src').flatMap((file) =>
    vendorNamesIn(file)
      .filter((name) => !ALLOWED.some(({ names, files }) => names.test(name) && (files?.test(file) ?? true)))
      .map((name) => `${file}: ${name}`),
  );
  expect(foreign).toEqual([]);
});

it('no code branches on the name of a vendor: where one is needed, it is that of a field of inputs', () => {
  const literals = sources('src').flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.ES2023, true);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node) && /^(?:plaid|batch)$/.test(node.text)) found.push(`${file}: ${node.text}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
  expect(literals.filter((line) => !line.startsWith('src/policy/user-ids.ts: '))).toEqual([]);
});
