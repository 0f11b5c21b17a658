import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from '@temporal-http-tasks/lab/internal/bench/figures';
import { tableRows } from '../support/markdown';

interface Recorded {
  /** The release of Node.js. */
  node: string;
  figures: Figures;
}

/** The data that were recorded, how many figures they are, and the command that the page names for each. */
const RECORDED: readonly [string, number, string][] = [
  ['cost.json', 10, 'npx --package=node@24 -- npm run --silent bench -- cost --json > docs/benchmarks/cost.json'],
  ['limit.json', 12, 'npx --package=node@24 -- npm run --silent bench -- limit --json > docs/benchmarks/limit.json'],
  ['source.json', 5, 'npx --package=node@24 -- npm run --silent bench -- source --json > docs/benchmarks/source.json'],
  ['start.json', 4, 'npx --package=node@24 -- npm run --silent bench -- start --json > docs/benchmarks/start.json'],
  ['peers.json', 9, 'npx --package=node@24 -- npm run --silent bench -- peers --json > docs/benchmarks/peers.json'],
  ['user.json', 13, 'npx --package=node@24 -- npm run --silent bench -- user --json > docs/benchmarks/user.json'],
  ['sweeps.json', 8, 'npx --package=node@24 -- npm run --silent bench -- sweep --json > docs/benchmarks/sweeps.json'],
  ['sweeps-node-20.json', 8, 'npm run --silent bench -- sweep --json > docs/benchmarks/sweeps-node-20.json'],
  [
    'large-sweep.json',
    9,
    'npx --package=node@24 -- npm run --silent bench -- large --json > docs/benchmarks/large-sweep.json',
  ],
  [
    'workers.json',
    8,
    'npx --package=node@24 -- npm run --silent bench -- workers --json > docs/benchmarks/workers.json',
  ],
  [
    'workers-postgres.json',
    8,
    'npx --package=node@24 -- npm run --silent bench -- workers --postgres "$EMPTY_DATABASE" --json > docs/benchmarks/workers-postgres.json',
  ],
];

const read = (file: string): string => readFileSync(join(__dirname, '../../docs', file), 'utf8');
const page = read('benchmarks.md');

it.each(RECORDED)(
  'the figures of the page from %s are the recorded ones, with their limits, and say so where one was not reached',
  (file, count, command) => {
    const { node, figures } = JSON.parse(read(`benchmarks/${file}`)) as Recorded;
    const rows = Object.entries(figures).map(([name, one]) => {
      const limit = 'atMost' in one ? `≤ ${one.atMost}` : `≥ ${one.atLeast}`;
      return [`\`${name}\``, `${one.value} ${one.unit}`, `${limit}${one.ok ? '' : ', **not reached**'}`];
    });
    expect(rows).toHaveLength(count);
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
