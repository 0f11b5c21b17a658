import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../../src/tasks/catalogue';

const ROOT = join(__dirname, '..', '..');
const page = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');

/** The settings that are read as secrets, as the sources name them; a name in the middle is the operator's own. */
function secretSettings(): string[] {
  const found = readdirSync(join(ROOT, 'src', 'config'), { encoding: 'utf8' }).flatMap((file) => {
    const source = readFileSync(join(ROOT, 'src', 'config', file), 'utf8');
    const constants = new Map(
      [...source.matchAll(/^const ([A-Z_]+) = '([A-Z_]+)';$/gm)].map(([, name = '', value = '']) => [name, value]),
    );
    const plain = [...source.matchAll(/Secret\.read\(env, (?:'([A-Z_]+)'|([A-Z_]+)),/g)].map(
      ([, text, name = '']) => text ?? constants.get(name) ?? name,
    );
    const named = [...source.matchAll(/Secret\.read\(env, `\$\{PREFIX\}\$\{name\}(_[A-Z_]+)`,/g)].map(
      ([, end = '']) => `${constants.get('PREFIX')}<NAME>${end}`,
    );
    return [...plain, ...named];
  });
  const ofServices = CATALOGUE.flatMap(({ service }) => service.credentials.map(({ setting }) => setting));
  return [...new Set([...found, ...ofServices])];
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

it('every package of the lockfile has a checksum, and none comes from elsewhere than a registry', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string; link?: boolean; resolved?: string; inBundle?: boolean }>;
  };
  const others = Object.entries(packages).filter(([path]) => path !== '');
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
