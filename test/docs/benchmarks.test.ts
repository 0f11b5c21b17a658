import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from '@temporal-http-tasks/lab/internal/bench/figures';
import { tableRows } from '../support/markdown';

interface Recorded {
  /** The release of Node.js. */
  node: string;
  figures: Figures;
}

/** The data that were recorded, and the command that the page names for each. */
const RECORDED: readonly [string, string][] = [
  ['sweeps.json', 'npx --package=node@24 -- npm run --silent bench -- sweep --json > docs/benchmarks/sweeps.json'],
  ['sweeps-node-20.json', 'npm run --silent bench -- sweep --json > docs/benchmarks/sweeps-node-20.json'],
  [
    'large-sweep.json',
    'npx --package=node@24 -- npm run --silent bench -- large --json > docs/benchmarks/large-sweep.json',
  ],
];

const read = (file: string): string => readFileSync(join(__dirname, '../../docs', file), 'utf8');
const page = read('benchmarks.md');

it.each(RECORDED)(
  'the figures of the page from %s are the recorded ones, with their limits, and say so where one was not reached',
  (file, command) => {
    const { node, figures } = JSON.parse(read(`benchmarks/${file}`)) as Recorded;
    const rows = Object.entries(figures).map(([name, one]) => {
      const limit = 'atMost' in one ? `≤ ${one.atMost}` : `≥ ${one.atLeast}`;
      return [`\`${name}\``, `${one.value} ${one.unit}`, `${limit}${one.ok ? '' : ', **not reached**'}`];
    });
    expect(rows.length).toBeGreaterThan(6);
    const section = sectionWith(command);
    expect(tableRows(section)).toEqual(expect.arrayContaining(rows));
    expect(section).toContain(`Node.js ${node.replace(/^v/, '')}`);
  },
);

/** The one section that names a command. */
function sectionWith(command: string): string {
  const sections = page.split(/^##+ /m).filter((section) => section.split('\n').some((line) => line.endsWith(command)));
  expect(sections).toHaveLength(1);
  return sections[0] ?? '';
}
