import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** What scripts/evidence-page.cjs exports. */
interface EvidencePage {
  PAGE: string;
  verifierScript: () => string;
  withVerifier: (page: string) => string;
}

const load = createRequire(__filename);
const { PAGE, verifierScript, withVerifier } = load('../../scripts/evidence-page.cjs') as EvidencePage;

it('contains the verifier as it is; node scripts/evidence-page.cjs writes it again', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toContain('class BundleCheck');
  expect(withVerifier(page)).toBe(page);
});

it('needs nothing but what a browser has', () => {
  const script = `${verifierScript()}
    const result = await verifyBundle(['{}\\n'], webCrypto(), { roots: ['${'0'.repeat(64)}'] });
    console.log(JSON.stringify([result.ok, result.differences.length > 0]));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module'], { input: script, encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '[false,true]\n', stderr: '' });
});

it('has two verifiers that are small enough to read', () => {
  const lines = (file: string) => readFileSync(path.join(__dirname, '../..', file), 'utf8').split('\n').length - 1;
  const parts = ['encoding', 'checkpoint', 'proofs', 'verify-bundle'];
  const own = parts.map((name) => lines(`packages/evidence/src/verifier/${name}.ts`));
  expect(own.reduce((sum, count) => sum + count, 0)).toBeLessThan(500);
  expect(lines('docs/evidence/verify.py')).toBeLessThan(200);
  expect(lines('docs/evidence/timestamp.py')).toBeLessThan(200);
});
