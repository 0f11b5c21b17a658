import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { nodesOf, parsedSources } from '../support/parsed-sources';

const ROOT = join(__dirname, '..', '..');
const page = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');

/** The settings that are read as secrets, as the sources name them; a name in the middle is the operator's own. */
function secretSettings(): string[] {
  const found = parsedSources('src/config').flatMap((source) => {
    const nodes = [...nodesOf(source)];
    const constants = new Map(
      nodes
        .filter(ts.isVariableDeclaration)
        .flatMap(({ name, initializer }) =>
          initializer && ts.isStringLiteralLike(initializer) ? [[name.getText(), initializer.text] as const] : [],
        ),
    );
    return nodes
      .filter(ts.isCallExpression)
      .filter(({ expression }) => expression.getText() === 'Secret.read')
      .flatMap(({ arguments: [, setting] }) => settingNamed(setting, constants));
  });
  const ofServices = CATALOGUE.flatMap(({ service }) => service.credentials.map(({ setting }) => setting));
  return [...new Set([...found, ...ofServices])];
}

/** The name of a setting as an argument gives it; none where a parameter does. */
function settingNamed(setting: ts.Expression | undefined, constants: ReadonlyMap<string, string>): string[] {
  if (setting === undefined) return [];
  if (ts.isStringLiteralLike(setting)) return [setting.text];
  if (!ts.isTemplateExpression(setting)) return [constants.get(setting.getText()) ?? []].flat();
  const spans = setting.templateSpans.map(
    ({ expression, literal }) => (constants.get(expression.getText()) ?? '<NAME>') + literal.text,
  );
  return [setting.head.text + spans.join('')];
}

describe('SECURITY.md', () => {
  it('says of every secret where it lives', () => {
    const settings = secretSettings();
    expect(settings).toEqual(
      expect.arrayContaining([
        'HTTP_TASKS_SUBJECT_KEY',
        'HTTP_TASKS_CONSOLE_TOKEN',
        'HTTP_TASKS_SOURCE_<NAME>_URL',
        'PLAID_SECRET',
      ]),
    );
    expect(settings.filter((setting) => !page.includes(`\`${setting}\``))).toEqual([]);
  });

  it('names tests that are there', () => {
    for (const [, folder = ''] of page.matchAll(/`(test\/[\w/-]+)`/g))
      expect(readdirSync(join(ROOT, folder))).not.toEqual([]);
  });
});

interface Locked {
  integrity?: string;
  link?: boolean;
  resolved?: string;
  inBundle?: boolean;
}

const OWN = /^(packages\/\w+|lab|)$/;

it('every package of the lockfile has a checksum, and none comes from elsewhere than a registry', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  // The packages of this repository, and the links to them.
  const isOwn = ([path, { link, resolved = '' }]: [string, Locked]): boolean =>
    OWN.test(path) || (link === true && path.startsWith('node_modules/') && (resolved === '' || OWN.test(resolved)));
  const others = Object.entries(packages).filter((entry) => !isOwn(entry));
  expect(others.length).toBeGreaterThan(100);
  expect(
    others
      .filter(([, { integrity = '', inBundle }]) => !/^sha512-/.test(integrity) && inBundle !== true)
      .map(([path]) => path),
  ).toEqual([]);
  expect(
    others.filter(([, { link, resolved }]) => link === true || resolved !== undefined).map(([path]) => path),
  ).toEqual([]);
});
