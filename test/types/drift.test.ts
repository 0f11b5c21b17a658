import { join } from 'node:path';
import ts from 'typescript';
import { nodesOf } from '../support/parsed-sources';

const ROOT = join(__dirname, '../..');
const CHECK = join(ROOT, 'test/types/plaid-drift.ts');
const PLAID = join(ROOT, 'node_modules/plaid/dist/api.d.ts');
const REASONS = join(ROOT, 'src/policy/input-fields.ts');
const TASKS = join(ROOT, 'src/providers/plaid/tasks.ts');

const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.test.json'), (path) => ts.sys.readFile(path)) as {
  config: object;
};
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const host = ts.createCompilerHost(options);
const parsed = new Map<string, ts.SourceFile | undefined>();

/** The errors in plaid-drift.ts when these files of the program have other texts. Nothing is written to disk. */
function errorsWith(texts: Readonly<Record<string, string>>): string[] {
  const changed: ts.CompilerHost = {
    ...host,
    getSourceFile: (path, target) => {
      const text = texts[path];
      if (text !== undefined) return ts.createSourceFile(path, text, target);
      if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, target));
      return parsed.get(path);
    },
  };
  const program = ts.createProgram([CHECK], options, changed);
  const checked = program.getSourceFile(CHECK);
  return program
    .getSemanticDiagnostics(checked)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

/**
 * Returns the declarations of a file that a check uses, directly or through each other. Plaid's file has 100,000 lines, of
 * which the check uses few; for each drift they are all that is compiled.
 */
function usedDeclarations(file: string, check: string): string {
  const declarations = new Map<string, ts.Statement[]>();
  const source = ts.createSourceFile(file, textOf(file), ts.ScriptTarget.ES2023, true);
  for (const statement of source.statements) {
    const name = declaredName(statement);
    if (name !== undefined) declarations.set(name, [...(declarations.get(name) ?? []), statement]);
  }
  const used = new Set<ts.Statement>();
  const use = (root: ts.Node): void => {
    for (const node of nodesOf(root)) {
      if (!ts.isIdentifier(node)) continue;
      for (const statement of declarations.get(node.text) ?? []) {
        if (used.has(statement)) continue;
        used.add(statement);
        use(statement);
      }
    }
  };
  use(ts.createSourceFile(check, textOf(check), ts.ScriptTarget.ES2023, true));
  return [...used].map((statement) => statement.getText()).join('\n');
}

function declaredName(statement: ts.Statement): string | undefined {
  if (ts.isVariableStatement(statement)) return nameOf(statement.declarationList.declarations[0] ?? statement);
  return nameOf(statement);
}

function textOf(file: string): string {
  const text = ts.sys.readFile(file);
  if (text === undefined) throw new Error(`${file} is not there.`);
  return text;
}

const usedOfPlaid = { [PLAID]: usedDeclarations(PLAID, CHECK) };

/**
 * Returns a drift that replaces the first node of a file with these names around it, from the outermost to its own: a
 * declaration, a member or a text. It has to be there, because a drift that changes nothing would prove nothing.
 */
function replacing(names: readonly string[], by: (text: string) => string): (text: string) => string {
  return (text) => {
    const source = ts.createSourceFile('drift.ts', text, ts.ScriptTarget.ES2023, true);
    const found = within(source, names);
    if (found === undefined) throw new Error(`${names.join(' ')} is not in the file.`);
    return text.slice(0, found.getStart()) + by(found.getText()) + text.slice(found.getEnd());
  };
}

function within(node: ts.Node, [name, ...inner]: readonly string[]): ts.Node | undefined {
  if (name === undefined) return node;
  for (const one of nodesOf(node)) {
    const found = one !== node && nameOf(one) === name ? within(one, inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node)) return node.text;
  const { name } = node as { name?: ts.Node };
  return name && ts.isIdentifier(name) ? name.text : undefined;
}

it('the tasks agree with the types of the installed Plaid client', () => {
  expect(errorsWith({})).toEqual([]);
});

it('and so does the part of them that the check uses', () => {
  expect(errorsWith(usedOfPlaid)).toEqual([]);
  expect(usedOfPlaid[PLAID]?.length).toBeLessThan(textOf(PLAID).length / 10);
});

it.each([
  [
    'Plaid adds a reason for terminating products',
    PLAID,
    replacing(['ProductsTerminateReasonCode', 'FraudAbuse'], (member) => `${member}, New = 'NEW'`),
  ],
  [
    'Plaid drops a reason for removing an Item',
    PLAID,
    replacing(['ItemRemoveReasonCode', 'ConnectionIsNonFunctional'], () => "Gone = 'FRAUD_ABUSE'"),
  ],
  [
    'Plaid requires a further field',
    PLAID,
    replacing(['UserItemsRemoveRequest', 'user_id'], (field) => `${field} confirmed: boolean;`),
  ],
  [
    'Plaid offers a further field',
    PLAID,
    replacing(['UserItemsGetRequest', 'user_id'], (field) => `${field} cursor?: string;`),
  ],
  [
    'Plaid makes user_id optional',
    PLAID,
    replacing(['UserProductsTerminateRequest', 'user_id'], () => 'user_id?: string;'),
  ],
  [
    'Plaid gives item_ids another type',
    PLAID,
    replacing(['UserItemsRemoveRequest', 'item_ids'], () => 'item_ids: Array<number>;'),
  ],
  ['Plaid answers without a request_id', PLAID, replacing(['UserRemoveResponse', 'request_id'], () => '')],
  ['Plaid names the id of a listed Item differently', PLAID, replacing(['Item', 'item_id'], () => 'id: string;')],
  ['our list of reasons loses one', REASONS, replacing(['FRAUD_TRANSACTION'], () => "'OTHER'")],
  [
    'our list of reasons invents one',
    TASKS,
    replacing(['CONNECTION_IS_NON_FUNCTIONAL'], (reason) => `${reason}, 'INVENTED'`),
  ],
  [
    'our task misspells a field',
    TASKS,
    replacing(['userItemsRemove', 'item_ids'], (field) => field.replace('item_ids', 'itemIds')),
  ],
  [
    'our task takes a field that Plaid does not know',
    TASKS,
    replacing(['access_token'], (field) => `force: z.boolean(), ${field}`),
  ],
])('the check fails to compile when %s', (_drift, file, drift) => {
  expect(errorsWith({ ...usedOfPlaid, [file]: drift(usedOfPlaid[file] ?? textOf(file)) })).not.toEqual([]);
});
