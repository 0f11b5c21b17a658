import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

interface Examples {
  checked: number;
  invalid: number;
  unchecked: number;
  additional: number;
  refused: unknown[];
}

interface Measured {
  document: string;
  operations?: number;
  imported?: number;
  skipped?: { operation: string; why: string }[];
  impossible?: { operation: string }[];
  refused?: string;
  problem?: string;
  seconds: number;
  megabytes: number;
  examples?: Examples;
}

interface Corpus {
  code: number;
  stdout: string;
  documents: Measured[];
}

async function corpus(...args: string[]): Promise<Corpus> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'scripts', 'corpus.mjs'), ...args], (error, stdout) => {
      const documents = args.includes('--json') ? (JSON.parse(stdout) as { documents: Measured[] }).documents : [];
      resolve({ code: error === null ? 0 : Number(error.code), stdout, documents });
    });
  });
}

it('every example of our own documents that a validator of JSON Schema takes is taken, but for fields that no schema knows', async () => {
  const { code, documents } = await corpus(join(ROOT, 'test', 'openapi', 'fixtures'), '--examples', '--json');
  const counts = documents.map(({ document, operations, imported, skipped }) => [
    document,
    operations,
    imported,
    skipped?.map(({ operation }) => operation),
  ]);
  expect(counts).toEqual([
    ['corpus/desk-3.0.yml', 6, 6, []],
    ['corpus/desk-3.1.json', 4, 3, ['broken']],
    ['plaid-excerpt.yml', expect.any(Number), expect.any(Number), []],
    ['shop.yml', expect.any(Number), expect.any(Number), []],
  ]);
  expect(documents.flatMap(({ problem }) => problem ?? [])).toEqual([]);
  expect(documents.flatMap(({ examples }) => examples?.refused ?? [])).toEqual([]);
  expect(documents.slice(0, 2).map(({ examples }) => examples)).toMatchObject([
    { checked: 12, invalid: 1, unchecked: 0, additional: 1 },
    { checked: 5, invalid: 1, unchecked: 0, additional: 1 },
  ]);
  expect(documents[1]?.impossible).toMatchObject([{ operation: 'cannot' }]);
  for (const { seconds, megabytes } of documents) expect(seconds > 0 && megabytes > 10).toBe(true);
  expect(code).toBe(0);
}, 240_000);

it('a document that is refused says why, and files that are not documents are passed over', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-corpus-'));
  try {
    await writeFile(join(folder, 'none.yml'), 'title: none\n');
    await writeFile(join(folder, 'other.json'), JSON.stringify({ openapi: '4.0.0', paths: {} }));
    const { code, stdout } = await corpus(folder);
    expect(stdout).toContain('other.json: refused: ');
    expect(stdout).not.toContain('none.yml');
    expect(code).toBe(0);
    expect((await corpus()).code).toBe(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});
