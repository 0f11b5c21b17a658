import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from '../../src/cli/bench/figures';
import type { SweepBenchSize } from '../../src/cli/bench/sweep/run-sweep-bench';

const read = (file: string): string => readFileSync(join(__dirname, '../../docs', file), 'utf8');
const { figures, size } = JSON.parse(read('benchmarks.json')) as { figures: Figures; size: SweepBenchSize };
const page = read('benchmarks.md');

it('the figures of the page are the recorded ones, with their limits, and say so where a limit was not reached', () => {
  const rows = Object.entries(figures).map(([name, one]) => {
    const limit = 'atMost' in one ? `≤ ${one.atMost}` : `≥ ${one.atLeast}`;
    return `| \`${name}\` | ${one.value} ${one.unit} | ${limit}${one.ok ? '' : ', **not reached**'} |`;
  });
  expect(rows.length).toBeGreaterThan(6);
  expect(page.split('\n')).toEqual(expect.arrayContaining(rows));
});

it('the page names the command by which the figures were recorded', () => {
  expect(page).toContain(`npm run --silent bench -- sweep --users ${size.users} --pairs ${size.pairs} --json > docs/benchmarks.json`);
});
